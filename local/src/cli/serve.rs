//! `tessera`: the local stack, until it is interrupted.

use std::fs;

use clap::Args;
use jiff::Timestamp;
use serde_json::{Value, json};
use tessera_domain::program::SubmittedProgram;
use tessera_store::CreateProgramError;

use super::{StorageArgs, admin_key, programs, time};
use crate::Platform;
use crate::demo;
use crate::private;
use crate::shop::DemoShop;
use crate::stack::StackOptions;

/// Options of the local stack.
#[derive(Debug, Args)]
pub struct ServeArgs {
    /// The port on 127.0.0.1.
    #[arg(long, default_value_t = 3000)]
    port: u16,
    #[command(flatten)]
    storage: StorageArgs,
    /// Start with a demo program and a week of real receipts (the default).
    #[arg(long, conflicts_with = "empty")]
    demo: bool,
    /// Start with one program without rules.
    #[arg(long)]
    empty: bool,
    /// The program's admin key; by default a new one. On a folder, a key that none of its programs has makes another program.
    #[arg(long, value_name = "KEY", value_parser = admin_key)]
    admin_key: Option<String>,
    /// Stop the clock at this time; `POST /_local/clock` moves it.
    #[arg(long, value_parser = time, value_name = "TIME")]
    clock: Option<Timestamp>,
    /// Print JSON, one object a line: the program's credentials, then the address when requests can be sent.
    #[arg(long)]
    json: bool,
}

impl ServeArgs {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        let options = StackOptions {
            port: Some(self.port),
            storage: self.storage.storage(),
            clock: self.clock,
            ..StackOptions::default()
        };
        let stack = Platform::start(options).await?;
        if self.empty {
            self.open(&stack, &programs::without_rules()).await?;
        } else {
            let key = self.open(&stack, &demo::program(stack.url())?).await?;
            demo::present(&stack, key.as_deref(), !self.json).await?;
            if key.is_some() && !self.json {
                println!("The demo shop is at {}/_local/shop/\n", stack.url());
            }
        }
        if self.json {
            println!("{}", json!({ "ready": stack.url() }));
        } else {
            println!("ready {}", stack.url());
        }
        tokio::signal::ctrl_c().await?;
        stack.shutdown().await;
        Ok(())
    }

    /// Prints a line of text, or its JSON.
    fn say(&self, value: &Value, text: &str) {
        if self.json {
            println!("{value}");
        } else {
            println!("{text}");
        }
    }

    /// Creates the program, prints its credentials once, and returns the admin key. Creates nothing in a folder that has
    /// the program already.
    async fn open(&self, stack: &Platform, document: &serde_json::Value) -> anyhow::Result<Option<String>> {
        let program = SubmittedProgram::read(document).map_err(|faults| anyhow::anyhow!("{faults:?}"))?;
        let (store, now) = (stack.store(), stack.now());
        let made_before = self.storage.data.as_ref().map(|folder| folder.join("program"));
        if let (None, Some(id)) = (&self.admin_key, made_before.as_ref().and_then(|file| fs::read_to_string(file).ok()))
        {
            self.say(
                &json!({ "program": id }),
                &format!("program           {id} (its keys were shown when it was created)"),
            );
            return Ok(None);
        }
        match store.create_program(&program, self.admin_key.as_deref(), stack.secrets_key(), now).await {
            Ok(made) => {
                if let Some(file) = made_before {
                    private::write(&file, made.id.as_str().as_bytes())?;
                }
                self.say(&programs::told(&made), programs::credentials(&made).trim_end());
                DemoShop::open(stack, &made.id, &made.admin_key).await?;
                Ok(Some(made.admin_key))
            }
            Err(CreateProgramError::KeyTaken(id)) => {
                self.say(&json!({ "program": id }), &format!("program           {id} (found in the folder)"));
                if let Some(key) = &self.admin_key {
                    DemoShop::open(stack, &id, key).await?;
                }
                Ok(self.admin_key.clone())
            }
            Err(error) => Err(error.into()),
        }
    }
}
