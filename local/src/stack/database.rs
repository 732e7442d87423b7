//! The embedded `DynamoDB`: one `SQLite` database, in a file or in memory, with the template's tables.
//!
//! Acknowledged writes are durable. The engine writes the item, its index entries and its stream record in one transaction
//! in WAL mode, so a killed process loses none. For every write, it looks up the table's last stream record without an
//! index; without the index created here, a replay would take quadratic time.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Context, Result, anyhow};
use dynoxide::Database;
use serde_json::{Value, json};

use super::Storage;
use super::template::{Table, Template};
use crate::private;

/// The file of the database inside the data folder.
pub(super) const FILE: &str = "dynamodb.sqlite";

/// The index for the engine's queries on stream records.
const INDEX: &str = "CREATE INDEX IF NOT EXISTS tessera_stream_order ON _stream_records \
     (table_name, CAST(sequence_number AS INTEGER))";

/// Opens or creates the database.
pub(super) fn open(storage: &Storage) -> Result<Database> {
    static OPENED: AtomicU64 = AtomicU64::new(0);
    let path = match storage {
        Storage::Folder(folder) => {
            let file = folder.join(FILE);
            // SQLite creates its log beside it with the same mode.
            private::touch(&file).with_context(|| file.display().to_string())?;
            text(&file)?
        }
        // A shared-cache database in memory, so that the connection below can create the
        // index. It ends with the engine.
        Storage::Memory => format!(
            "file:tessera-{}-{}?mode=memory&cache=shared",
            std::process::id(),
            OPENED.fetch_add(1, Ordering::Relaxed)
        ),
    };
    let database = Database::new(&path).with_context(|| format!("cannot open {path}"))?;
    // Write-ahead logging without a flush per commit: a killed process loses no acknowledged write; a power cut on the
    // developer's machine may lose the last ones.
    database.disable_bulk_loading()?;
    if let Err(error) = index(&path) {
        // Only the speed of long replays depends on it.
        tracing::warn!(%error, "no index on stream records: replays will slow down as they grow");
    }
    Ok(database)
}

fn text(path: &Path) -> Result<String> {
    path.to_str().map(str::to_owned).ok_or_else(|| anyhow!("{} is not readable text", path.display()))
}

fn index(path: &str) -> rusqlite::Result<()> {
    rusqlite::Connection::open(path)?.execute_batch(INDEX)
}

/// Creates missing tables of the template and updates existing ones.
///
/// Enables a stream only where a function reads it: an unread record would cost a write.
pub(super) fn create(database: &Database, template: &Template) -> Result<()> {
    for (name, table) in &template.tables {
        let read = template.streams.iter().any(|stream| &stream.table == name);
        let view = table.stream.as_ref().filter(|_| read);
        anyhow::ensure!(view.is_some() || !read, "{name} has a reader but no stream");
        table_exists(database, name, table, view).with_context(|| format!("table {name}"))?;
    }
    Ok(())
}

fn table_exists(database: &Database, name: &str, table: &Table, stream: Option<&String>) -> Result<()> {
    let described = serde_json::from_value(json!({ "TableName": name }))
        .map_err(anyhow::Error::from)
        .and_then(|request| Ok(database.describe_table(request)?));
    let stream = stream.map(|view| json!({ "StreamEnabled": true, "StreamViewType": view }));
    if let Ok(found) = described {
        let found = serde_json::to_value(found)?;
        let found = &found["Table"];
        if stream.is_some() && found["StreamSpecification"]["StreamEnabled"] != true {
            update(database, json!({ "TableName": name, "StreamSpecification": stream }))?;
        }
        let present: Vec<&Value> = found["GlobalSecondaryIndexes"]
            .as_array()
            .map(|indexes| indexes.iter().map(|index| &index["IndexName"]).collect())
            .unwrap_or_default();
        for index in indexes(table) {
            if !present.contains(&&index["IndexName"]) {
                update(
                    database,
                    json!({ "TableName": name, "AttributeDefinitions": attributes(table),
                        "GlobalSecondaryIndexUpdates": [{ "Create": index }] }),
                )?;
            }
        }
    } else {
        let mut request = json!({ "TableName": name, "BillingMode": "PAY_PER_REQUEST",
            "AttributeDefinitions": attributes(table), "KeySchema": keys(&table.keys) });
        if !table.indexes.is_empty() {
            request["GlobalSecondaryIndexes"] = indexes(table).into();
        }
        if let Some(stream) = stream {
            request["StreamSpecification"] = stream;
        }
        database.create_table(serde_json::from_value(request)?)?;
    }
    if let Some(attribute) = &table.ttl {
        let request = json!({ "TableName": name,
            "TimeToLiveSpecification": { "AttributeName": attribute, "Enabled": true } });
        // Enabling an enabled stream is refused, as by AWS.
        let _ = database.update_time_to_live(serde_json::from_value(request)?);
    }
    Ok(())
}

fn update(database: &Database, request: Value) -> Result<()> {
    database.update_table(serde_json::from_value(request)?)?;
    Ok(())
}

fn attributes(table: &Table) -> Vec<Value> {
    table.attributes.iter().map(|(name, kind)| json!({ "AttributeName": name, "AttributeType": kind })).collect()
}

fn keys(keys: &[String]) -> Vec<Value> {
    keys.iter().zip(["HASH", "RANGE"]).map(|(name, kind)| json!({ "AttributeName": name, "KeyType": kind })).collect()
}

fn indexes(table: &Table) -> Vec<Value> {
    table
        .indexes
        .iter()
        .map(|index| {
            let mut projection = json!({ "ProjectionType": index.projection });
            if !index.included.is_empty() {
                projection["NonKeyAttributes"] = json!(index.included);
            }
            json!({ "IndexName": index.name, "KeySchema": keys(&index.keys), "Projection": projection })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_engine_finds_stream_records_by_the_index() {
        let folder = tempfile::tempdir().unwrap();
        drop(open(&Storage::Folder(folder.path().to_owned())).unwrap());
        let connection = rusqlite::Connection::open(folder.path().join(FILE)).unwrap();
        // The engine's own two queries, as its source has them.
        for query in [
            "SELECT COALESCE(MAX(CAST(sequence_number AS INTEGER)), 0) + 1 FROM _stream_records WHERE table_name = 'a'",
            "SELECT event_name FROM _stream_records WHERE table_name = 'a' AND shard_id = 'b' AND \
             CAST(sequence_number AS INTEGER) > 7 ORDER BY CAST(sequence_number AS INTEGER) ASC LIMIT 9",
        ] {
            let mut plan = connection.prepare(&format!("EXPLAIN QUERY PLAN {query}")).unwrap();
            let steps = plan.query_map([], |row| row.get::<_, String>(3)).unwrap();
            let steps: Vec<String> = steps.map(Result::unwrap).collect();
            assert!(steps.iter().any(|step| step.contains("tessera_stream_order")), "{steps:?}");
            assert!(!steps.iter().any(|step| step.contains("TEMP B-TREE")), "{steps:?}");
        }
    }
}
