//! `local chaos`, the command itself, small.

use std::path::Path;

use tokio::process::Command;

#[tokio::test]
async fn f33_whichever_consumers_are_killed_each_post_is_out_once_or_told_not_to_be() {
    let template = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../template.yaml").canonicalize().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_local"));
    command.args(["chaos", "--quick", "--posts", "30", "--kills", "12", "--seed", "33", "--template"]).arg(template);
    let output = command.kill_on_drop(true).output().await.unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
    let figures: Vec<String> = said.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    for expected in ["duplicates 0", "lost 0", "before their time 0", "seed 33"] {
        assert!(figures.iter().any(|line| line == expected), "{expected}\n{said}");
    }
    assert!(figures.iter().any(|line| line.starts_with("kills ") && line.contains(" 12 of them in flight")), "{said}");
}
