//! The Lambda binary of `kpi`.

use lambda_runtime::Error;
use tessera_lambda::serve;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    serve::windowed_stream(
        tessera_kpi::NEEDS,
        |services, batch| async move { tessera_kpi::handle(&services, batch).await },
    )
    .await
}
