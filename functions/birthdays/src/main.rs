//! The Lambda binary of `birthdays`.

use lambda_runtime::Error;
use tessera_lambda::serve;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    serve::job(tessera_birthdays::NEEDS, |services, invocation| async move {
        tessera_birthdays::handle(&services, invocation).await
    })
    .await
}
