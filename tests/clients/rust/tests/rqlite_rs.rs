//! rqlite-rs: queries, writes, batches, transactions and queued writes.

use clients::{client, dead_address, locked_address, new_table, open_address};
use rqlite_rs::batch::BatchResult;
use rqlite_rs::error::RequestError;
use rqlite_rs::prelude::*;
use rqlite_rs::query;
use rqlite_rs::request::{RqliteFreshnessLevel, RqliteQueryParam};
use rqlite_rs::response::RqliteResult;
use serde_json::Value;

const FOO: &str = "id INTEGER PRIMARY KEY, name TEXT";

/// More than the node sends in one piece.
const MANY: &str = "SELECT n, 'a text that takes some room, for row ' || n AS t FROM (WITH RECURSIVE c(n) AS \
                    (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 5000) SELECT n FROM c)";

/// Runs for longer than the client waits, which is five seconds.
const SLOW: &str = "SELECT max(n) FROM (WITH RECURSIVE c(n) AS \
                    (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 100000000) SELECT n FROM c)";

async fn count(client: &RqliteClient, table: &str) -> i64 {
    let rows = client.fetch(format!("SELECT COUNT(*) FROM {table}")).await.unwrap();
    rows[0].get_by_index(0).unwrap()
}

/// What a statement fails with in the database.
fn database_error<T: std::fmt::Debug>(result: Result<T, RequestError>) -> String {
    match result {
        Err(RequestError::DatabaseError(text)) => text,
        other => panic!("no error of the database: {other:?}"),
    }
}

// What its README and its documentation show.

#[derive(FromRow)]
struct Table {
    name: String,
}

#[tokio::test]
async fn the_tables_of_its_readme() {
    let client = client();
    let table = new_table(&client, FOO).await;
    let query = query!("SELECT name FROM sqlite_master WHERE type='table' AND name NOT LIKE 'sqlite_%'").unwrap();
    let tables = client.fetch(query).await.unwrap().into_typed::<Table>().unwrap();
    assert!(tables.iter().any(|each| each.name == table));
}

#[tokio::test]
async fn a_node_is_ready() {
    assert!(client().ready().await);
}

#[tokio::test]
async fn a_write_tells_what_it_changed() {
    let client = client();
    let table = new_table(&client, FOO).await;
    let sql = format!("INSERT INTO {table}(name) VALUES(?)");
    let result = client.exec(query!(&sql, "a")).await.unwrap();
    assert_eq!((result.last_insert_id(), result.rows_affected(), result.changed()), (Some(1), Some(1), true));
    let nothing = client.exec(format!("DELETE FROM {table} WHERE id = 9")).await.unwrap();
    assert!(!nothing.changed());
}

#[tokio::test]
async fn rows_become_structs_and_tuples() {
    #[derive(FromRow, Debug, PartialEq)]
    struct Foo {
        id: i64,
        name: Option<String>,
    }
    let client = client();
    let table = new_table(&client, FOO).await;
    client.exec(format!("INSERT INTO {table}(name) VALUES('a'), (NULL)")).await.unwrap();
    let all = format!("SELECT id, name FROM {table} ORDER BY id");
    let structs = client.fetch(all.as_str()).await.unwrap().into_typed::<Foo>().unwrap();
    assert_eq!(structs, [Foo { id: 1, name: Some("a".into()) }, Foo { id: 2, name: None }]);
    let tuples = client.fetch(all.as_str()).await.unwrap().into_typed::<(i64, Option<String>)>().unwrap();
    assert_eq!(tuples[0], (1, Some("a".into())));
    let none = client.fetch(format!("SELECT * FROM {table} WHERE id > 2")).await.unwrap();
    assert!(none.is_empty());
}

#[tokio::test]
async fn a_row_tells_its_columns() {
    let client = client();
    let table = new_table(&client, FOO).await;
    client.exec(format!("INSERT INTO {table}(name) VALUES('a')")).await.unwrap();
    let rows = client.fetch(format!("PRAGMA table_info({table})")).await.unwrap();
    assert_eq!(rows[1].get::<String>("name").unwrap(), "name");
    let rows = client.fetch(format!("SELECT * FROM {table}")).await.unwrap();
    let columns: Vec<_> = rows[0].columns().iter().map(|c| (c.name().to_owned(), c.type_data().to_owned())).collect();
    assert_eq!(columns, [("id".to_owned(), "integer".to_owned()), ("name".to_owned(), "text".to_owned())]);
}

// Values.

/// Stores a value in a column of this type, and what comes back.
async fn there_and_back<T>(kind: &str, value: T) -> Value
where
    T: rqlite_rs::query::arguments::RqliteArgumentRaw,
{
    let client = client();
    let table = new_table(&client, &format!("v {kind}")).await;
    let sql = format!("INSERT INTO {table} VALUES(?)");
    client.exec(query!(&sql, value)).await.unwrap();
    let rows = client.fetch(format!("SELECT v FROM {table}")).await.unwrap();
    rows[0].values()[0].clone()
}

#[tokio::test]
async fn integers_keep_all_their_digits() {
    for value in [0, -1, 1 << 31, (1 << 53) + 1, -(1 << 53) - 1, i64::MAX, i64::MIN] {
        assert_eq!(there_and_back("INTEGER", value).await.as_i64(), Some(value));
    }
}

#[tokio::test]
async fn reals_come_back_to_the_last_bit() {
    for value in [0.5, -2.25, 0.1, 1e-7, 1e21, f64::MAX, f64::MIN_POSITIVE] {
        assert_eq!(there_and_back("REAL", value).await.as_f64(), Some(value));
    }
}

#[tokio::test]
async fn texts_come_back_as_they_were() {
    for value in ["", "plain", "it's \"quoted\"", "back\\slash /", "a\tb\nc\r", "<b>&amp;</b>", "ünïcödé",
        "e\u{301}", "日本語", "😀", "\u{2028}\u{2029}", "\u{1}\u{7f}", "NULL"] {
        assert_eq!(there_and_back("TEXT", value).await.as_str(), Some(value));
    }
}

#[tokio::test]
async fn blobs_are_lists_of_numbers_both_ways() {
    for value in [vec![], vec![0], vec![0, 255, 128], (0..=255).collect::<Vec<u8>>()] {
        let stored = there_and_back("BLOB", value.clone()).await;
        assert_eq!(serde_json::from_value::<Vec<u8>>(stored).unwrap(), value);
    }
}

#[tokio::test]
async fn nulls_and_booleans() {
    assert_eq!(there_and_back("TEXT", None::<String>).await, Value::Null);
    assert_eq!(there_and_back("BOOLEAN", true).await, Value::Bool(true));
    assert_eq!(there_and_back("INTEGER", false).await, Value::from(0));
}

#[tokio::test]
async fn dates_are_texts_of_rfc_3339() {
    assert_eq!(there_and_back("DATE", "2004-02-14").await, "2004-02-14T00:00:00Z");
    assert_eq!(there_and_back("DATETIME", "2004-02-14 07:15:00.25").await, "2004-02-14T07:15:00.25Z");
    assert_eq!(there_and_back("TIMESTAMP", 1_076_742_900_i64).await, "2004-02-14T07:15:00Z");
}

#[tokio::test]
async fn a_large_result_arrives_whole() {
    let rows = client().fetch(MANY).await.unwrap();
    assert_eq!(rows.len(), 5000);
    assert_eq!(rows[4999].get::<i64>("n").unwrap(), 5000);
}

// Several statements.

#[tokio::test]
async fn a_batch_reads_and_writes() {
    let client = client();
    let table = new_table(&client, FOO).await;
    let insert = format!("INSERT INTO {table}(name) VALUES(?)");
    let select = format!("SELECT name FROM {table} WHERE name = ?");
    let results = client.batch(vec![query!(&insert, "a"), query!(&select, "a"), query!(&select, "z")]).await.unwrap();
    let RqliteResult::Success(BatchResult::QueryResult(written)) = &results[0] else { panic!("{results:?}") };
    assert_eq!(written.last_insert_id(), Some(1));
    let Some(RqliteResult::Success(BatchResult::SelectResults(read))) = results.into_iter().nth(1) else { panic!() };
    assert_eq!(read.rows()[0].get::<String>("name").unwrap(), "a");
}

#[tokio::test]
async fn a_batch_is_no_transaction() {
    let client = client();
    let table = new_table(&client, FOO).await;
    let insert = |id| format!("INSERT INTO {table}(id) VALUES({id})");
    let results = client.batch(vec![insert(1), insert(1), insert(2)]).await.unwrap();
    let RqliteResult::Error(failure) = &results[1] else { panic!("{results:?}") };
    assert_eq!(failure.error, format!("UNIQUE constraint failed: {table}.id"));
    assert_eq!(count(&client, &table).await, 2);
}

#[tokio::test]
async fn a_transaction_is_stored_whole_or_not_at_all() {
    let client = client();
    let table = new_table(&client, FOO).await;
    let insert = |id| format!("INSERT INTO {table}(id) VALUES({id})");
    let results = client.transaction(vec![insert(1), insert(1), insert(2)]).await.unwrap();
    assert_eq!(results.len(), 2);
    assert!(matches!(&results[1], RqliteResult::Error(_)));
    assert_eq!(count(&client, &table).await, 0);
    client.transaction(vec![insert(1), insert(2)]).await.unwrap();
    assert_eq!(count(&client, &table).await, 2);
}

#[tokio::test]
async fn queued_writes_are_stored_in_order() {
    let client = client();
    let table = new_table(&client, FOO).await;
    let insert = format!("INSERT INTO {table}(name) VALUES(?)");
    for n in 0..10_i64 {
        client.queue(vec![query!(&insert, n), query!(&insert, -n)]).await.unwrap();
    }
    // The client cannot wait, so ask until all are there.
    while count(&client, &table).await < 20 {
        tokio::task::yield_now().await;
    }
    let names = client.fetch(format!("SELECT name FROM {table} ORDER BY id")).await.unwrap();
    let names: Vec<String> = names.iter().map(|row| row.get("name").unwrap()).collect();
    let wanted: Vec<String> = (0..10).flat_map(|n: i64| [n.to_string(), (-n).to_string()]).collect();
    assert_eq!(names, wanted);
}

// Errors.

#[tokio::test]
async fn what_sqlite_says_reaches_the_caller() {
    let client = client();
    let table = new_table(&client, FOO).await;
    assert_eq!(database_error(client.fetch("SELECT * FROM nowhere").await), "no such table: nowhere");
    assert_eq!(database_error(client.exec("DELETE bogus").await), "near \"bogus\": syntax error");
    let twice = format!("INSERT INTO {table}(id) VALUES(1), (1)");
    assert_eq!(database_error(client.exec(twice).await), format!("UNIQUE constraint failed: {table}.id"));
}

#[tokio::test]
async fn what_the_server_refuses_has_no_results() {
    let refused = client().fetch("PRAGMA journal_mode=DELETE").await;
    assert!(matches!(refused, Err(RequestError::NoRowsReturned)), "{refused:?}");
}

// How it is asked.

#[tokio::test]
async fn every_level_of_consistency_sees_what_was_written() {
    use RqliteFreshnessLevel::{None, Strong, Weak};
    for level in [None, Weak, Strong] {
        let client = RqliteClientBuilder::new()
            .known_host(open_address())
            .default_query_params(vec![RqliteQueryParam::Level(level)])
            .build()
            .unwrap();
        let table = new_table(&client, FOO).await;
        client.exec(format!("INSERT INTO {table}(id) VALUES(1)")).await.unwrap();
        assert_eq!(count(&client, &table).await, 1);
    }
}

#[tokio::test]
async fn pretty_and_timings_change_nothing_for_it() {
    let client = RqliteClientBuilder::new()
        .known_host(open_address())
        .default_query_params(vec![RqliteQueryParam::Pretty, RqliteQueryParam::Timings])
        .build()
        .unwrap();
    assert_eq!(client.fetch("SELECT 1 AS one").await.unwrap()[0].get::<i64>("one").unwrap(), 1);
}

#[tokio::test]
async fn a_query_that_takes_too_long_times_out() {
    let slow = client().fetch(SLOW).await;
    assert!(matches!(slow, Err(RequestError::NoAvailableHosts)), "{slow:?}");
}

#[tokio::test]
async fn a_host_that_is_down_is_passed_over() {
    let client = RqliteClientBuilder::new().known_host(dead_address()).known_host(open_address()).build().unwrap();
    assert_eq!(client.fetch("SELECT 1 AS one").await.unwrap()[0].get::<i64>("one").unwrap(), 1);
    let alone = RqliteClientBuilder::new().known_host(dead_address()).build().unwrap();
    let nobody = alone.fetch("SELECT 1").await;
    assert!(matches!(nobody, Err(RequestError::NoAvailableHosts)), "{nobody:?}");
}

#[tokio::test]
async fn the_node_is_its_own_leader() {
    let leader = client().leader().await.unwrap().expect("a leader");
    assert_eq!(leader.api_addr, format!("http://{}", open_address()));
    assert!(leader.voter && leader.reachable && leader.leader && leader.error.is_none());
}

#[tokio::test]
async fn a_password() {
    let address = locked_address();
    let with = |user, password| {
        RqliteClientBuilder::new().known_host(&address).auth(user, password).build().unwrap()
    };
    let mary = with("mary", "secret2");
    let table = new_table(&mary, FOO).await;
    mary.exec(format!("INSERT INTO {table}(id) VALUES(1)")).await.unwrap();
    let eve = with("eve", "s3/@ü");
    assert_eq!(count(&eve, &table).await, 1);
    let without = RqliteClientBuilder::new().known_host(&address).build().unwrap();
    for refused in [
        eve.exec(format!("DELETE FROM {table}")).await.map(drop),
        with("mary", "wrong").fetch("SELECT 1").await.map(drop),
        with("nobody", "secret2").fetch("SELECT 1").await.map(drop),
        without.fetch("SELECT 1").await.map(drop),
    ] {
        assert!(matches!(refused, Err(RequestError::Unauthorized)), "{refused:?}");
    }
}
