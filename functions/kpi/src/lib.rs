//! Counts the entries of the members table's stream, and what becomes of referral links: the figures of each day, and what all days
//! add up to.

use std::collections::BTreeMap;

use aws_lambda_events::dynamodb::EventRecord;
use aws_lambda_events::streams::DynamoDbEventResponse;
use tessera_domain::ids::ProgramId;
use tessera_lambda::stream::StreamBatch;
use tessera_lambda::{Services, Variable, batch};
use tessera_store::{CountedImage, Sequence, SequencedRecord, StoreError};

/// Environment variables that this function needs besides the common ones.
pub const NEEDS: &[Variable] = &[];

/// Counts a batch. When it fails, the whole batch is delivered again, and what was counted is not counted twice.
///
/// A record that cannot be read is counted as such and does not block its shard: a rebuild from the ledger repairs the
/// figures.
pub async fn handle(services: &Services, records: StreamBatch) -> DynamoDbEventResponse {
    match batch::caught(count(services, &records)).await {
        Ok(()) => DynamoDbEventResponse::default(),
        Err(error) => {
            tracing::error!(error, shard = records.shard(), "a batch was not counted");
            records.failed()
        }
    }
}

async fn count(services: &Services, batch: &StreamBatch) -> Result<(), StoreError> {
    let mut programs: BTreeMap<ProgramId, Vec<SequencedRecord>> = BTreeMap::new();
    for record in &batch.records {
        if let Some((program, entry)) = read(record) {
            programs.entry(program).or_default().push(entry);
        }
    }
    for (program, records) in programs {
        let Some(active) = services.programs.get(&program).await? else {
            tracing::error!(%program, records = records.len(), "entries of an unknown program were not counted");
            continue;
        };
        let (zone, now) = (&active.compiled.zone, services.clock.now());
        services.store.count_figures(&program, zone, batch.shard(), &records, now).await?;
    }
    Ok(())
}

/// The program of a record and what is counted of it; `None` for an item that is not counted.
fn read(record: &EventRecord) -> Option<(ProgramId, SequencedRecord)> {
    let number = record.change.sequence_number.as_deref().unwrap_or_default();
    let sequence = Sequence::new(number);
    match CountedImage::read(record.change.new_image.clone()) {
        Ok(image) => image.map(|image| (image.program, SequencedRecord { sequence, record: Some(image.record) })),
        Err(error) => {
            tracing::error!(sequence = number, %error, "a record cannot be read and is not counted");
            let program = CountedImage::program_of(record.change.new_image.clone())?;
            Some((program, SequencedRecord { sequence, record: None }))
        }
    }
}
