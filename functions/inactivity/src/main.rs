//! The Lambda binary of `inactivity`.

use lambda_runtime::Error;
use tessera_lambda::serve;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    serve::job(tessera_inactivity::NEEDS, |services, invocation| async move {
        tessera_inactivity::handle(&services, invocation).await
    })
    .await
}
