//! The Lambda binary of `customer-hub`.

use lambda_runtime::Error;
use tessera_lambda::serve;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    serve::http(tessera_customer_hub::NEEDS, tessera_customer_hub::ROUTES).await
}
