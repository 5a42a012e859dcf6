//! Emulators with a state table, and the program beside them.

use std::{
    io::Write as _,
    process::{Command, Stdio},
    sync::Arc,
};

use emulators::{Emulators, Options, Table};
use jiff::SignedDuration;
use serde_json::Value;
use shared::{
    authorize::{Authorizer, Identity},
    aws::Clients,
    clock::{Clock as _, ManualClock, SystemClock},
    config,
    problem::Code,
    store::Store,
    telemetry::Function,
    vault::Vault,
};

/// As CloudFormation names the table of a stack `postd`.
pub(crate) const TABLE: &str = "postd-StateTable-1ABCDEF";
/// The same of its vault.
const VAULT: &str = "postd-VaultTable-1ABCDEF";

/// How the program ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: i32,
    pub(crate) output: String,
    pub(crate) told: String,
}

impl Ended {
    /// What was asked for; fails if the program did.
    pub(crate) fn answer(&self) -> &str {
        assert_eq!(self.code, 0, "{}", self.told);
        self.output.trim_end()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(self.answer()).unwrap()
    }

    /// The exit code and what was said about it.
    pub(crate) fn failure(&self) -> (i32, &str) {
        assert_eq!(self.output, "", "nothing was asked for");
        (self.code, self.told.trim_end())
    }
}

pub(crate) struct Scene {
    emulators: Emulators,
    pub(crate) store: Store,
    pub(crate) dynamodb: aws_sdk_dynamodb::Client,
}

impl Scene {
    pub(crate) async fn new() -> Self {
        let emulators = Emulators::start(Options::default()).await.unwrap();
        emulators.create_table(&Table::new(TABLE, "pk").with_sort_key("sk")).unwrap();
        let dynamodb = Clients::at(&emulators.endpoint_url()).dynamodb();
        Self { store: Store::new(dynamodb.clone(), TABLE), dynamodb, emulators }
    }

    pub(crate) fn table(&self, name: &str) {
        self.emulators.create_table(&Table::new(name, "pk").with_sort_key("sk")).unwrap();
    }

    /// The vault beside the state table.
    pub(crate) async fn vault(&self) -> Vault {
        self.table(VAULT);
        let clients = Clients::at(&self.emulators.endpoint_url());
        let token_key = self.emulators.create_key("alias/postd-tokens").await.unwrap();
        let config = config::Vault { table: VAULT.into(), token_key, data_keys: config::DataKeyLimits::default() };
        Vault::new(clients.kms(), clients.dynamodb(), &config, Function::Oauth, Arc::new(SystemClock))
    }

    /// The sort keys of all rows of both tables that name this.
    pub(crate) async fn naming(&self, text: &str) -> Vec<String> {
        let mut found = Vec::new();
        for table in [TABLE, VAULT] {
            let rows = self.dynamodb.scan().table_name(table).send().await.unwrap();
            let rows = rows.items().iter().filter(|row| format!("{row:?}").contains(text));
            found.extend(rows.map(|row| row["sk"].as_s().unwrap().clone()));
        }
        found.sort();
        found
    }

    /// Runs the program against these emulators.
    pub(crate) async fn run(&self, arguments: &[&str]) -> Ended {
        self.run_with(arguments, "").await
    }

    /// The same, with somebody who types this.
    pub(crate) async fn run_with(&self, arguments: &[&str], input: &str) -> Ended {
        let endpoint = self.emulators.endpoint_url();
        let all = [["--endpoint", endpoint.as_str(), "--operator", "grace"].as_slice(), arguments].concat();
        run_with(&all, input).await
    }

    /// A tenant made by the program.
    pub(crate) async fn tenant(&self) -> String {
        self.run(&["tenants", "create", "Blue Bakery"]).await.answer().to_owned()
    }

    /// A key that may do everything, made by the program.
    pub(crate) async fn key(&self, tenant: &str) -> String {
        self.run(&["keys", "create", tenant, "--name", "backend", "--scope", "all"]).await.answer().to_owned()
    }

    /// What the authorizer says of a key `later` than now.
    pub(crate) async fn identify(&self, key: &str, later: SignedDuration) -> Result<Identity, Code> {
        let clock = ManualClock::at(SystemClock.now() + later);
        let authorizer = Authorizer::new(self.store.clone(), Arc::new(clock));
        authorizer.identify(&format!("Bearer {key}")).await.unwrap()
    }
}

/// Runs the program with nothing of this machine's environment.
pub(crate) async fn run(arguments: &[&str]) -> Ended {
    run_with(arguments, "").await
}

async fn run_with(arguments: &[&str], input: &str) -> Ended {
    let mut command = Command::new(env!("CARGO_BIN_EXE_postctl"));
    command.args(arguments).env_clear().stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let input = input.to_owned();
    // The emulators answer meanwhile, on the thread of the test.
    let ended = tokio::task::spawn_blocking(move || {
        let mut program = command.spawn()?;
        if let Some(mut stdin) = program.stdin.take() {
            // Who asks nothing may be gone by now.
            let _written = stdin.write_all(input.as_bytes());
        }
        program.wait_with_output()
    });
    let output = ended.await.unwrap().unwrap();
    Ended {
        code: output.status.code().unwrap(),
        output: String::from_utf8(output.stdout).unwrap(),
        told: String::from_utf8(output.stderr).unwrap(),
    }
}

/// The id that a key's text carries.
pub(crate) fn id_of(key: &str) -> String {
    format!("key_{}", &key.split('_').nth(2).unwrap()[32..])
}
