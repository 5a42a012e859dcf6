//! Cold starts, first events, warm events.

use super::Failure;
use super::report::Report;
use super::scene::Scene;

const FUNCTIONS: [&str; 3] = ["consumer", "publish", "authorizer"];
/// How many warm events of each function are timed.
const WARM: u32 = 200;
/// Milliseconds from exec to the first `/next`: the limit that postd sets itself (docs/performance.md).
const COLD_START_LIMIT: f64 = 15.0;

/// From exec to the first request for an event, the functions in turn.
pub(crate) async fn cold_starts(scene: &Scene, runs: u32, report: &mut Report) -> Result<(), Failure> {
    for run in 0..=runs {
        for function in FUNCTIONS {
            scene.cloud.recycle(function).await?;
            if run == 1 {
                // The very first one has filled the page cache.
                scene.started(function);
            }
            scene.cloud.provision(function).await?;
        }
    }
    for function in FUNCTIONS {
        let took = scene.started(function);
        report.spread("1. Cold start, exec to first /next", function, took, Some(COLD_START_LIMIT));
    }
    Ok(())
}

/// From an event's hand-over to its answer: right after a cold start, and warm.
pub(crate) async fn first_and_warm(scene: &mut Scene, runs: u32, report: &mut Report) -> Result<(), Failure> {
    let section = "2. One event, hand-over to answer";
    scene.accept().await?;
    scene.drain().await?;
    for function in FUNCTIONS {
        scene.answered(function);
        for _ in 0..runs {
            scene.cloud.recycle(function).await?;
            one_event(scene, function).await?;
        }
        report.spread(section, format!("{function}, first after a cold start"), of(scene, function, runs)?, None);
        for _ in 0..WARM {
            one_event(scene, function).await?;
        }
        report.spread(section, format!("{function}, warm"), of(scene, function, WARM)?, None);
    }
    scene.drain().await
}

/// Lets something happen that gives `function` one event.
async fn one_event(scene: &mut Scene, function: &str) -> Result<(), Failure> {
    match function {
        "authorizer" => {
            let stranger = scene.stranger().await?;
            stranger.read("/v1/connections").await?;
        }
        "publish" => drop(scene.accept().await?),
        _consumer => {
            scene.accept().await?;
            if scene.cloud.deliver("consumer").await? != 1 {
                return Err("the queue held something else than the one job".into());
            }
        }
    }
    Ok(())
}

fn of(scene: &Scene, function: &str, expected: u32) -> Result<Vec<std::time::Duration>, Failure> {
    let answered = scene.answered(function);
    if answered.len() == expected as usize {
        return Ok(answered);
    }
    Err(format!("{function} answered {} events instead of {expected}", answered.len()).into())
}
