//! The kill test: two instances of the whole pipeline on a real Kafka and a real ClickHouse, under load, killed at every
//! point between a record read and a position moved, at moments of chance, both at once; asked to stop; halted until
//! replaced and woken again; the broker and ClickHouse killed under them. Then ClickHouse must equal what a batch
//! computation makes of every record that the load generator got acknowledged.
//!
//! `AFTERCARE_KILL_SEED` gives another schedule and another world, `AFTERCARE_KILL_ROUNDS` a longer test.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]

#[path = "kill/fleet.rs"]
mod fleet;
#[path = "kill/load.rs"]
mod load;
#[path = "kill/schedule.rs"]
mod schedule;
#[allow(dead_code, reason = "each test uses its part")]
mod support;
#[path = "kill/verdict.rs"]
mod verdict;

use std::io::Write;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use aftercare_sim::invariants::{alerts_are_sound, replay_is_identical};
use aftercare_sim::rng::Rng;
use tokio::runtime::Runtime;

use fleet::Fleet;
use load::{Load, Written};
use support::Stack;
use verdict::Oracle;

const PARTITIONS: i32 = 2;
/// A small round, so that changelogs are cut within the test; small flushes, so that positions move often.
const SETTINGS: &str = "round_bytes_min = 100000\n[sink]\nflush_ms = 100\n\
                        [kafka.settings]\n\"session.timeout.ms\" = 3000";
/// How long everything may take to arrive after the last record.
const ARRIVAL: Duration = Duration::from_secs(120);

#[test]
fn whatever_dies_clickhouse_equals_the_batch_computation() {
    let [seed, rounds] = [("AFTERCARE_KILL_SEED", 1), ("AFTERCARE_KILL_ROUNDS", 1)]
        .map(|(name, default)| std::env::var(name).map_or(default, |text| text.parse().unwrap()));
    say(&format!("kill test: AFTERCARE_KILL_SEED={seed} AFTERCARE_KILL_ROUNDS={rounds}"));
    let began = Instant::now();
    let mut stack = Stack::start(PARTITIONS, SETTINGS);
    let load = Load::start(stack.cluster(), seed, wall_clock(), PARTITIONS);
    let mut fleet = Fleet::start(&stack, usize::try_from(PARTITIONS).unwrap());
    for round in 0..rounds {
        let mut rng = Rng::new(seed, &[1, round]);
        fleet.die_at_points(&stack, schedule::deal(&mut rng));
        say(&format!("  {:.0?}: died at every point", began.elapsed()));
        for _ in 0..3 {
            fleet.die_at_random(&stack, &mut rng, false);
        }
        fleet.die_at_random(&stack, &mut rng, true);
        fleet.restart_gracefully(&stack, &mut rng);
        fleet.wake_a_zombie(&load, &mut rng);
        say(&format!("  {:.0?}: died at random, woke as a zombie", began.elapsed()));
        fleet.clickhouse_dies(&mut stack, &mut rng);
        fleet.kafka_dies(&mut stack, &mut rng);
        say(&format!("  {:.0?}: lost ClickHouse, lost Kafka", began.elapsed()));
    }
    let written = load.stop();
    say(&format!("  {:.0?}: {} records acknowledged", began.elapsed(), written.records.len()));
    let runtime = Runtime::new().unwrap();
    let oracle = wait_for_the_end(&runtime, &stack, &written);
    fleet.stop();
    let deaths = fleet.deaths.iter().map(|(kind, n)| format!("\n    {n} x {kind}")).collect::<String>();
    let compared = judge(&runtime, &stack, &oracle);
    let total: u32 = fleet.deaths.values().sum();
    say(&format!(
        "  {:.0?}: {total} deaths:{deaths}\n  {} records acknowledged; equal: {compared}",
        began.elapsed(),
        written.records.len()
    ));
    assert!(total as usize >= schedule::POINTS_PER_ROUND);
}

/// Waits until nothing differs, or nothing is to be hoped for; what must be there then. (Verdicts on sessions are inputs
/// that the tasks of the clinicians write, so they belong to what is to be computed from.)
fn wait_for_the_end(runtime: &Runtime, stack: &Stack, written: &Written) -> Oracle {
    let (began, store) = (Instant::now(), stack.store());
    let writer = stack.cluster().writer().unwrap();
    loop {
        let tick = wall_clock() + written.ahead_ms;
        load::tell(&writer, PARTITIONS, tick);
        let verdicts = verdict::session_verdicts(&stack.cluster(), PARTITIONS);
        let all = [&*written.records, &verdicts].concat();
        let oracle = Oracle::of(&all, tick);
        let found = runtime.block_on(verdict::in_clickhouse(&store, &stack.cluster()));
        if began.elapsed() > ARRIVAL || oracle.violations(&found).is_empty() {
            return oracle;
        }
        std::thread::sleep(Duration::from_secs(1));
    }
}

/// The comparison, after both instances have stopped.
fn judge(runtime: &Runtime, stack: &Stack, oracle: &Oracle) -> String {
    let store = stack.store();
    let found = runtime.block_on(verdict::in_clickhouse(&store, &stack.cluster()));
    let written = verdict::in_kafka(&stack.cluster(), PARTITIONS);
    let coverage = runtime.block_on(store.coverage()).unwrap();
    let mut violations = oracle.violations(&found);
    violations.extend(written.sequence_violations(&coverage));
    violations.extend(replay_is_identical(&written.actual, &found));
    // Of alerts the tables hold the last state only.
    violations.extend(alerts_are_sound(&written.actual));
    assert!(
        violations.is_empty(),
        "{} violations in ClickHouse:\n{}and in the output topics:\n{}",
        violations.len(),
        verdict::describe(&violations),
        verdict::describe(&oracle.violations(&written.actual))
    );
    oracle.size(&found)
}

fn wall_clock() -> i64 {
    i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis()).unwrap()
}

/// To the terminal, also when the test passes.
fn say(line: &str) {
    let mut terminal = std::io::stderr();
    writeln!(terminal, "{line}").unwrap();
}
