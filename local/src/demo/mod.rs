//! The demo: a program, a week of real receipts, and requests to try.

use anyhow::Context;
use jiff::Timestamp;
use jiff::civil::date;
use jiff::tz::TimeZone;
use serde_json::Value;
use tessera_domain::money::Currency;

use crate::Platform;
use crate::cli::replay_report;
use crate::replay::{Columns, ReadOptions, SendOptions, read_orders, send};

/// The end of the week in the file.
const WEEK: &str = include_str!("online-retail-week.csv");

/// The demo's program document; referral links lead to the demo shop of the stack at `url`.
///
/// # Errors
/// Never: the document is part of the binary, and a test parses it.
pub fn program(url: &str) -> anyhow::Result<Value> {
    let mut program: Value = serde_json::from_str(include_str!("program.json")).context("the demo's program")?;
    program["storefront"]["shop_url"] = format!("{url}/_local/shop/").into();
    Ok(program)
}

/// Sends the week through the API as if it had just passed, and prints requests to try. Without a key (an existing folder),
/// the week is stored already. `is_text`: otherwise nothing is printed.
///
/// # Errors
/// When the stack refuses a receipt.
pub async fn present(stack: &Platform, key: Option<&str>, is_text: bool) -> anyhow::Result<()> {
    let Some(key) = key else { return Ok(()) };
    let options = ReadOptions {
        columns: Columns::default(),
        currency: Currency::from_code("GBP").context("a currency")?,
        zone: TimeZone::get("Europe/London")?,
        cancellation: "C".to_owned(),
        shift_weeks: weeks_until(stack.now()),
        limit: None,
    };
    let orders = read_orders(WEEK.as_bytes(), &options)?;
    if is_text {
        println!("a week of real receipts (UCI Online Retail, CC BY 4.0, December 2010, moved to the last week):");
    }
    let sending = SendOptions { url: stack.url().to_owned(), key: key.to_owned(), concurrency: 16, progress: is_text };
    let summary = send(&orders.operations, &sending).await?;
    stack.settle().await?;
    if !is_text {
        return Ok(());
    }
    print!("{}", replay_report(&orders, &summary));
    let best = orders.spent.iter().max_by_key(|(_, spent)| **spent).map_or("17850", |(customer, _)| customer);
    let (url, authorization) = (stack.url(), format!("Authorization: Bearer {key}"));
    println!(
        "\nCustomer {best} spent most. Try:\n\
         \n  curl -s -H '{authorization}' {url}/v1/members/{best}\n\
         \n  curl -s -H '{authorization}' '{url}/v1/members/{best}/entries?limit=3'\n\
         \n  curl -s -H '{authorization}' -H 'Content-Type: application/json' {url}/v1/members \\\n       \
         -d '{{\"id\":\"{best}\",\"first_name\":\"Ada\"}}' && \\\n  \
         curl -s -H '{authorization}' -H 'Content-Type: application/json' {url}/v1/members/{best}/redemptions \\\n       \
         -d '{{\"reward\":\"five-off\"}}'\n\
         \nThe API is described at {url}/v1/openapi.json\n"
    );
    Ok(())
}

/// The number of weeks by which the demo's week is shifted to end before `now`.
fn weeks_until(now: Timestamp) -> i64 {
    let today = TimeZone::UTC.to_datetime(now).date();
    let days = i64::from((today - date(2010, 12, 8)).get_days());
    days.max(0) / 7
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_demos_program_is_accepted() {
        let program = super::program("http://127.0.0.1:3000").unwrap();
        assert_eq!(
            tessera_domain::program::SubmittedProgram::read(&program).map(|program| program.program().rules.len()),
            Ok(9)
        );
    }

    #[test]
    fn the_week_moves_to_the_last_one() {
        assert_eq!(super::weeks_until("2010-12-09T00:00:00Z".parse().unwrap()), 0);
        assert_eq!(super::weeks_until("2010-12-23T00:00:00Z".parse().unwrap()), 2);
    }
}
