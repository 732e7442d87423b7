//! The Lambda binary of `referral-link`.

use lambda_runtime::Error;
use tessera_lambda::serve;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    serve::http(tessera_referral_link::NEEDS, tessera_referral_link::ROUTES).await
}
