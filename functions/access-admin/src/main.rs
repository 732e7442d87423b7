//! The Lambda binary of `access-admin`.

use lambda_runtime::Error;
use tessera_lambda::serve;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    serve::http(tessera_access_admin::NEEDS, |services, request| async move {
        tessera_access_admin::handle(&services, request).await
    })
    .await
}
