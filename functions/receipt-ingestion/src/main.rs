//! The Lambda binary of `receipt-ingestion`.

use lambda_runtime::Error;
use tessera_lambda::serve;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    serve::http(tessera_receipt_ingestion::NEEDS, tessera_receipt_ingestion::ROUTES).await
}
