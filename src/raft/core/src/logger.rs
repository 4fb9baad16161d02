//! Hands the engine's log lines to the driver, as text.

use crate::abi::{Callbacks, Slice};
use slog::{Drain, Key, Level, Logger, OwnedKVList, Record, Serializer, KV};
use std::fmt::{Arguments, Write};

struct ToCallback {
    callbacks: Callbacks,
    level_max: u8,
}

// Only the core's one thread logs; slog asks for the markers all the same.
unsafe impl Send for ToCallback {}
unsafe impl Sync for ToCallback {}
impl std::panic::UnwindSafe for ToCallback {}
impl std::panic::RefUnwindSafe for ToCallback {}

struct Pairs(String);

impl Serializer for Pairs {
    fn emit_arguments(&mut self, key: Key, value: &Arguments) -> slog::Result {
        write!(self.0, " {}={}", key, value).map_err(|_| slog::Error::Other)
    }
}

impl Drain for ToCallback {
    type Ok = ();
    type Err = slog::Never;

    fn log(&self, record: &Record, values: &OwnedKVList) -> Result<(), slog::Never> {
        let level = match record.level() {
            Level::Critical | Level::Error => 0,
            Level::Warning => 1,
            Level::Info => 2,
            Level::Debug | Level::Trace => 3,
        };
        // Before anything is formatted: the engine logs on its hottest paths.
        if level > self.level_max {
            return Ok(());
        }
        let mut text = Pairs(record.msg().to_string());
        // Writing to a String does not fail.
        let _ = record.kv().serialize(record, &mut text);
        let _ = values.serialize(record, &mut text);
        (self.callbacks.log)(self.callbacks.context, level, Slice::of(text.0.as_bytes()));
        Ok(())
    }
}

pub fn to_callback(callbacks: Callbacks, level_max: u64) -> Logger {
    Logger::root(ToCallback { callbacks, level_max: level_max as u8 }, slog::o!())
}
