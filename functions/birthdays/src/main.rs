//! The Lambda binary of `birthdays`.

use lambda_runtime::Error;
use tessera_lambda::serve;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    serve::job(
        tessera_birthdays::NEEDS,
        |services, input| async move { tessera_birthdays::handle(&services, input).await },
    )
    .await
}
