//! The Lambda binary of `referrals`.

use lambda_runtime::Error;
use tessera_lambda::serve;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    serve::http(tessera_referrals::NEEDS, tessera_referrals::ROUTES).await
}
