//! The Lambda binary of `authorizer`.

use lambda_runtime::Error;
use tessera_lambda::serve;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    serve::authorizer(tessera_authorizer::NEEDS, |services, event| async move {
        tessera_authorizer::handle(&services, event).await
    })
    .await
}
