//! The simulators on their own: `cargo run -p simulator`.

use clap::Parser;
use simulator::{APP_ID, APP_SECRET, Error, Options, Simulator, VERIFY_TOKEN};
use std::fmt::Write as _;
use std::io::Write as _;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::process::ExitCode;

/// Runs the platform simulators until Ctrl-C.
#[derive(Debug, Parser)]
#[command(name = "simulator", version)]
struct Arguments {
    /// The port to listen on; 0 takes any free one.
    #[arg(long, default_value_t = 8081)]
    port: u16,
    /// The address to listen on.
    #[arg(long, default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST))]
    host: IpAddr,
    /// Where webhooks go.
    #[arg(long)]
    webhook_url: Option<String>,
    /// Where a `signed_request` goes when a person removes the app.
    #[arg(long)]
    deauthorize_url: Option<String>,
    /// Where a `signed_request` goes when a person wants their data to be deleted.
    #[arg(long)]
    data_deletion_url: Option<String>,
    /// Decides every id, token and die.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Refuse calls without `appsecret_proof`.
    #[arg(long)]
    require_proof: bool,
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(Arguments::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let cause = error.source().map(|cause| format!(": {cause}")).unwrap_or_default();
            // Nothing is left to do when even that cannot be written.
            let _ = writeln!(std::io::stderr(), "{error}{cause}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: Arguments) -> Result<(), Box<dyn std::error::Error>> {
    let simulator = start(arguments).await?;
    std::io::stdout().write_all(greeting(&simulator).as_bytes())?;
    tokio::signal::ctrl_c().await?;
    simulator.stop().await;
    Ok(())
}

async fn start(arguments: Arguments) -> Result<Simulator, Error> {
    Simulator::start(Options {
        listen: SocketAddr::new(arguments.host, arguments.port),
        seed: arguments.seed,
        webhook_url: arguments.webhook_url,
        deauthorize_url: arguments.deauthorize_url,
        data_deletion_url: arguments.data_deletion_url,
        require_proof: arguments.require_proof,
        ..Options::default()
    })
    .await
}

fn greeting(simulator: &Simulator) -> String {
    let url = simulator.url();
    let mut text = format!(
        "Simulated Facebook at {url}\n  graph        {url}/v26.0/…\n  login        {url}/v26.0/dialog/oauth\n  \
         control      {url}/_simulator/state\n  app id       {APP_ID}\n  app secret   {APP_SECRET}\n  verify token {VERIFY_TOKEN}\nPages:\n"
    );
    for page in simulator.facebook().pages() {
        let _ = writeln!(text, "  {}  {}", page.url, page.name);
    }
    let (mailchimp, app) = (simulator.url_of("mailchimp"), simulator::mailchimp::APP);
    let _ = write!(
        text,
        "Simulated Mailchimp at {mailchimp}\n  control      {mailchimp}/_simulator/state\n  app id       {}\n  app secret   {}\n  webhook key  {}\n",
        app.id, app.secret, app.verify_token
    );
    let (tiktok, app) = (simulator.url_of("tiktok"), simulator::tiktok::APP);
    let _ = write!(
        text,
        "Simulated TikTok at {tiktok}\n  control      {tiktok}/_simulator/state\n  client key   {}\n  secret       {}\n",
        app.id, app.secret
    );
    let (gbp, app) = (simulator.url_of("gbp"), simulator::gbp::APP);
    let _ = write!(
        text,
        "Simulated Google Business Profile at {gbp}\n  control      {gbp}/_simulator/state\n  app id       {}\n  app secret   {}\n  audience     {}\n",
        app.id, app.secret, app.verify_token
    );
    text.push_str("Ctrl-C ends it.\n");
    text
}
