//! `tessera programs`.

use std::fs;
use std::path::PathBuf;

use anyhow::Context;
use clap::{Args, Subcommand};
use serde_json::{Value, json};
use tessera_domain::program::SubmittedProgram;
use tessera_lambda::{Clock, Secrets};
use tessera_store::NewProgram;

use super::{OutputArgs, admin_key};
use crate::aws_fault::AwsFault;
use crate::deployment::{Deployment, DeploymentArgs, SecretsKeyArgs};
use crate::failure::Failure;

#[derive(Debug, Subcommand)]
pub(super) enum ProgramsCommand {
    /// Create a program on a deployed stack with your AWS credentials: the step after the first deployment. Prints its id,
    /// admin key and storefront secret, which are not shown again.
    Create(CreateProgramArgs),
}

/// The program to create.
#[derive(Debug, Args)]
pub(super) struct CreateProgramArgs {
    #[command(flatten)]
    deployment: DeploymentArgs,
    #[command(flatten)]
    secrets_key: SecretsKeyArgs,
    /// The program's document, as for `PUT /v1/program`; by default a program without rules.
    #[arg(long, value_name = "FILE")]
    program: Option<PathBuf>,
    /// The admin key; by default a new one. A repetition with the same key creates nothing.
    #[arg(long, value_name = "KEY", value_parser = admin_key)]
    admin_key: Option<String>,
    #[command(flatten)]
    output: OutputArgs,
}

impl ProgramsCommand {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        match self {
            Self::Create(args) => args.run().await,
        }
    }
}

impl CreateProgramArgs {
    async fn run(self) -> anyhow::Result<()> {
        let document = match &self.program {
            Some(file) => {
                let text = fs::read(file).with_context(|| format!("{} cannot be read", file.display()))?;
                serde_json::from_slice(&text).with_context(|| format!("{} is not JSON", file.display()))?
            }
            None => without_rules(),
        };
        let program = SubmittedProgram::read(&document).map_err(|faults| {
            let faults = faults.iter().map(|fault| format!("\n  {} {}", fault.pointer, fault.detail));
            anyhow::anyhow!("the program cannot be used:{}", faults.collect::<String>())
        })?;
        let deployment = Deployment::connect(&self.deployment.stack).await;
        let name = self.secrets_key.parameter(&self.deployment.stack);
        let secrets = Secrets::parameter(Some(name.clone()), deployment.sdk.clone());
        let key = secrets.look_up().await.map_err(|why| match AwsFault::read(&why) {
            Some(AwsFault::Missing) => Failure::Unreachable(format!(
                "there is no SSM parameter {name}; create it before the first deployment, or name another with \
                 --secrets-key-parameter"
            ))
            .into(),
            Some(fault) => Failure::Unreachable(format!("the SSM parameter {name} cannot be read: {fault}")).into(),
            None => anyhow::anyhow!("the SSM parameter {name} cannot be used: {why}"),
        })?;
        let now = Clock::system().now();
        let made = deployment.store.create_program(&program, self.admin_key.as_deref(), &key, now).await?;
        show(&made, self.output)
    }
}

/// Prints the credentials, which are shown only once.
fn show(made: &NewProgram, output: OutputArgs) -> anyhow::Result<()> {
    output.print(&told(made), &credentials(made))
}

/// A program's credentials as JSON.
pub(super) fn told(made: &NewProgram) -> Value {
    json!({ "program": made.id, "admin_key": made.admin_key, "storefront_secret": made.storefront_secret })
}

/// A program's credentials as text.
pub(super) fn credentials(made: &NewProgram) -> String {
    let (id, admin_key, secret) = (&made.id, &made.admin_key, &made.storefront_secret);
    format!("program           {id}\nadmin key         {admin_key}\nstorefront secret {secret}\n")
}

/// A program without rules, to be replaced with `PUT /v1/program`.
pub(super) fn without_rules() -> Value {
    json!({
        "name": "Tessera", "currency": "EUR", "timezone": "Europe/Rome", "locale": "en",
        "points": { "name": { "one": "point", "other": "points" } }, "rewards": [], "rules": [],
    })
}
