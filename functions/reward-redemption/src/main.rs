//! The Lambda binary of `reward-redemption`.

use lambda_runtime::Error;
use tessera_lambda::serve;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    serve::http(tessera_reward_redemption::NEEDS, tessera_reward_redemption::ROUTES).await
}
