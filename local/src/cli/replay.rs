//! `tessera replay FILE`.

use std::fs::File;
use std::io::{BufReader, IsTerminal as _};
use std::path::PathBuf;

use anyhow::Context;
use clap::Args;
use jiff::tz::TimeZone;
use serde_json::json;
use tessera_domain::money::Currency;

use super::api::ApiArgs;
use crate::failure::Failure;
use crate::replay::{Columns, Orders, ReadOptions, SendOptions, Summary, read_orders, send};

/// Send the orders of a CSV file. By default, the columns are those of the UCI Online Retail data set. Rows with the same
/// number are one receipt. A number with the cancellation prefix refunds purchases of the same customer.
#[derive(Debug, Args)]
pub struct ReplayArgs {
    /// The file: uncompressed CSV with a header.
    file: PathBuf,
    #[command(flatten)]
    api: ApiArgs,
    /// Map a field to another column, as field=column; may be repeated.
    #[arg(long, value_name = "FIELD=COLUMN")]
    map: Vec<String>,
    /// The currency of the prices.
    #[arg(long, default_value = "GBP")]
    currency: String,
    /// The time zone of the times.
    #[arg(long, default_value = "Europe/London")]
    timezone: String,
    /// The prefix of a cancellation's number.
    #[arg(long, default_value = "C")]
    cancellation: String,
    /// Shift all times by this number of weeks.
    #[arg(long, default_value_t = 0, allow_negative_numbers = true)]
    shift_weeks: i64,
    /// Stop after this number of receipts and refunds.
    #[arg(long)]
    limit: Option<usize>,
    /// The number of concurrent requests.
    #[arg(long, default_value_t = 16)]
    concurrency: usize,
}

impl ReplayArgs {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        let mut columns = Columns::default();
        let usage = |why: anyhow::Error| Failure::Usage(format!("{why:#}"));
        self.map.iter().try_for_each(|mapping| columns.map(mapping)).map_err(usage)?;
        let unknown = |what: &str, given: &str| Failure::Usage(format!("{given} is no {what}"));
        let options = ReadOptions {
            columns,
            currency: Currency::from_code(&self.currency).ok_or_else(|| unknown("currency", &self.currency))?,
            zone: TimeZone::get(&self.timezone).map_err(|_| unknown("time zone", &self.timezone))?,
            cancellation: self.cancellation,
            shift_weeks: self.shift_weeks,
            limit: self.limit,
        };
        let file = File::open(&self.file).with_context(|| format!("{} cannot be opened", self.file.display()))?;
        let orders = read_orders(BufReader::new(file), &options)?;
        let (url, key) = (self.api.url.clone(), self.api.key.clone());
        let progress = std::io::stderr().is_terminal();
        let sending = SendOptions { url, key, concurrency: self.concurrency, progress };
        let summary = send(&orders.operations, &sending).await?;
        let told = json!({
            "rows": orders.rows, "without_customer": orders.without_customer, "without_value": orders.without_value,
            "unmatched": orders.unmatched, "receipts": summary.receipts, "refunds": summary.refunds,
            "repeated": summary.repeated, "refused": summary.refused_count, "refusals": summary.refused,
        });
        self.api.print(&told, &report(&orders, &summary))?;
        match summary.refused_count {
            0 => Ok(()),
            refused => Err(Failure::Refused(format!("{refused} requests were refused")).into()),
        }
    }
}

/// The summary of a replay as text.
pub(crate) fn report(orders: &Orders, summary: &Summary) -> String {
    use std::fmt::Write as _;
    let calls = summary.receipts + summary.refunds + summary.repeated + summary.refused_count;
    let millis = summary.elapsed.as_millis().max(1);
    let rate = calls as u128 * 1000 / millis;
    let mut text = format!(
        "{} rows: {} without a customer, {} without value, {} cancelled without an earlier purchase\n\
         {} receipts and {} refunds accepted, {} known already, {} refused; {}.{:03} s, {rate} calls per second\n",
        orders.rows,
        orders.without_customer,
        orders.without_value,
        orders.unmatched,
        summary.receipts,
        summary.refunds,
        summary.repeated,
        summary.refused_count,
        millis / 1000,
        millis % 1000,
    );
    for refusal in &summary.refused {
        let _ = writeln!(text, "  refused: {refusal}");
    }
    text
}
