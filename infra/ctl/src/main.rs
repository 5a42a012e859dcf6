//! `postctl`: tenants, API keys, the audit and the vault, for those who run postd. All decisions live in [`shared`].

mod arguments;
mod audit;
mod deletion;
mod failure;
mod keys;
mod output;
mod place;
mod tenants;
mod vault;

use std::process::ExitCode;

use clap::Parser as _;
use shared::{ids::TenantId, store::Actor, tenant::Tenant};

use arguments::{Arguments, Command, Tenants};
use failure::Failure;
use place::Postd;

#[tokio::main]
async fn main() -> ExitCode {
    match run(Arguments::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            output::note(&format!("error: {}", failure.story()));
            failure.code()
        }
    }
}

async fn run(arguments: Arguments) -> Result<(), Failure> {
    let by = Actor::Operator(arguments.operator);
    match arguments.command {
        Command::Tenants(Tenants::Delete(wanted)) => {
            Box::pin(deletion::delete(&arguments.place, &wanted, by, arguments.json)).await
        }
        Command::Vault(command) => Box::pin(vault::run(&arguments.place, command, arguments.json)).await,
        Command::Tenants(command) => {
            let postd = Postd::at(&arguments.place).await?;
            Box::pin(tenants::run(&postd, command, by, arguments.json)).await
        }
        Command::Keys(command) => Box::pin(keys::run(&arguments.place, command, by, arguments.json)).await,
        Command::Audit(command) => {
            let postd = Postd::at(&arguments.place).await?;
            audit::run(&postd, command, arguments.json).await
        }
    }
}

/// The tenant that the operator named, if there is one.
#[expect(clippy::disallowed_methods, reason = "whoever has rights to the table itself may act for any tenant")]
async fn tenant(postd: &Postd, id: TenantId) -> Result<Tenant, Failure> {
    let found = shared::authorize::tenant_by_id(&postd.store, id).await?;
    found.ok_or_else(|| Failure::Refused(format!("there is no tenant {id}")))
}
