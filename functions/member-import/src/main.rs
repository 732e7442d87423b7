//! The Lambda binary of `member-import`.

use lambda_runtime::Error;
use tessera_lambda::serve;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    serve::queue(tessera_member_import::NEEDS, |services, event| async move {
        tessera_member_import::handle(&services, event).await
    })
    .await
}
