//! Where the nodes are that with_nodes.py started, and what tests do with them all the time.

use std::env;
use std::sync::atomic::{AtomicUsize, Ordering};

use rqlite_rs::prelude::*;

pub fn open_address() -> String {
    env::var("RQLITE_ADDRESS").expect("run by with_nodes.py")
}

pub fn dead_address() -> String {
    env::var("RQLITE_DEAD_ADDRESS").expect("run by with_nodes.py")
}

/// The address of the node that wants a password.
pub fn locked_address() -> String {
    env::var("RQLITE_LOCKED_ADDRESS").expect("run by with_nodes.py")
}

/// A client of the open node.
pub fn client() -> RqliteClient {
    RqliteClientBuilder::new().known_host(open_address()).build().expect("a client")
}

/// The name of a table that no other test has.
pub fn new_name() -> String {
    static TABLES: AtomicUsize = AtomicUsize::new(0);
    format!("rust{}_{}", std::process::id(), TABLES.fetch_add(1, Ordering::Relaxed))
}

/// A new table with these columns.
pub async fn new_table(client: &RqliteClient, columns: &str) -> String {
    let name = new_name();
    client.exec(format!("CREATE TABLE {name} ({columns})")).await.expect("a table");
    name
}
