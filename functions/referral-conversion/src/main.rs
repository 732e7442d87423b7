//! The Lambda binary of `referral-conversion`.

use lambda_runtime::Error;
use tessera_lambda::serve;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    serve::queue(tessera_referral_conversion::NEEDS, |services, event| async move {
        tessera_referral_conversion::handle(&services, event).await
    })
    .await
}
