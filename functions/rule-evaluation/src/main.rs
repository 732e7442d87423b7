//! The Lambda binary of `rule-evaluation`.

use lambda_runtime::Error;
use tessera_lambda::serve;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    serve::queue(tessera_rule_evaluation::NEEDS, |services, event| async move {
        tessera_rule_evaluation::handle(&services, event).await
    })
    .await
}
