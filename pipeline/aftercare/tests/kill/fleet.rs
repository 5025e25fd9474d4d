//! Two instances, and what is done to them.

use std::collections::{BTreeMap, VecDeque};
use std::os::unix::process::ExitStatusExt;
use std::time::{Duration, Instant};

use aftercare_sim::rng::Rng;
use rustix::process::Signal;

use crate::load::Load;
use crate::schedule::Armed;
use crate::support::{Instance, Stack, wait_until};

/// How long an instance may take to reach the point at which it shall die.
const PATIENCE: Duration = Duration::from_secs(25);
/// How often it is tried.
const TRIES: u32 = 3;
/// How long the group may take to find its place again.
const SETTLING: Duration = Duration::from_secs(60);

/// How long an instance may take to stop: 10 s are promised, on a machine that has nothing else to do.
const STOPPING: Duration = Duration::from_secs(20);

const NAMES: [&str; 2] = ["instance-a", "instance-b"];

/// Two instances of the whole pipeline on one stack.
pub(crate) struct Fleet {
    instances: [Instance; 2],
    partitions: usize,
    /// Deaths by kind.
    pub(crate) deaths: BTreeMap<String, u32>,
}

impl Fleet {
    pub(crate) fn start(stack: &Stack, partitions: usize) -> Self {
        let instances = [0, 1].map(|i| stack.serve(NAMES[i], &[]));
        Self { instances, partitions, deaths: BTreeMap::new() }
    }

    fn restart(&mut self, stack: &Stack, i: usize) {
        self.instances[i] = stack.serve(NAMES[i], &[]);
    }

    fn count(&mut self, kind: impl Into<String>) {
        *self.deaths.entry(kind.into()).or_default() += 1;
    }

    /// Waits until the tasks are spread over both and run.
    pub(crate) fn settle(&mut self) {
        wait_until("both instances to run their tasks", SETTLING, || {
            self.expect_alive();
            let [a, b] = [0, 1].map(|i| self.instances[i].tasks());
            let ((runs_a, of_a), (runs_b, of_b)) = (a?, b?);
            let all = of_a + of_b == self.partitions && runs_a == of_a && runs_b == of_b;
            (all && runs_a > 0 && runs_b > 0).then_some(())
        });
    }

    /// Nobody may end but by our hand.
    fn expect_alive(&mut self) {
        for instance in &mut self.instances {
            if let Some(status) = instance.ended() {
                panic!("an instance ended by itself: {status}\n{}", instance.log_tail());
            }
        }
    }

    /// Both instances die at one point after the other, each started again at once.
    pub(crate) fn die_at_points(&mut self, stack: &Stack, mut queues: [VecDeque<Armed>; 2]) {
        for i in [0, 1] {
            self.instances[i].kill();
            self.count("between rounds");
        }
        let mut dying = [0, 1].map(|i| self.arm(stack, i, &mut queues[i]));
        while dying.iter().any(Option::is_some) {
            for i in [0, 1] {
                let Some(death) = &mut dying[i] else { continue };
                if let Some(status) = self.instances[i].ended() {
                    let tail = || self.instances[i].log_tail();
                    assert_eq!(status.signal(), Some(9), "{} was not reached: {}", death.armed, tail());
                    let name = death.armed.name();
                    self.count(name);
                } else if death.since.elapsed() < PATIENCE {
                    continue;
                } else {
                    // It came to another task or no task at all; the next life shall die at the first passing.
                    self.instances[i].kill();
                    self.count("in vain at a point");
                    death.tries += 1;
                    assert!(death.tries < TRIES, "{} is never reached", death.armed);
                    death.armed.passing = 1;
                    death.since = Instant::now();
                    let armed = death.armed.to_string();
                    self.instances[i] = stack.serve(NAMES[i], &[("AFTERCARE_KILL_POINT", &armed)]);
                    continue;
                }
                dying[i] = self.arm(stack, i, &mut queues[i]);
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Starts an instance that will die at the next point of its queue, or one that lives.
    fn arm(&mut self, stack: &Stack, i: usize, queue: &mut VecDeque<Armed>) -> Option<Dying> {
        let Some(armed) = queue.pop_front() else {
            self.restart(stack, i);
            return None;
        };
        self.instances[i] = stack.serve(NAMES[i], &[("AFTERCARE_KILL_POINT", &armed.to_string())]);
        Some(Dying { armed, since: Instant::now(), tries: 0 })
    }

    /// `kill -9` of one instance, or of both, at a moment of chance.
    pub(crate) fn die_at_random(&mut self, stack: &Stack, rng: &mut Rng, both: bool) {
        self.settle();
        chance(rng, 1_500);
        let victims = if both { vec![0, 1] } else { vec![usize::from(rng.permille(500))] };
        for &i in &victims {
            self.instances[i].kill();
        }
        self.count(if both { "both at once" } else { "at any moment" });
        for i in victims {
            self.restart(stack, i);
        }
    }

    /// SIGTERM at a moment of chance, as in a rolling restart: it ends by itself and well, and is started again.
    pub(crate) fn restart_gracefully(&mut self, stack: &Stack, rng: &mut Rng) {
        self.settle();
        chance(rng, 500);
        let i = usize::from(rng.permille(500));
        stop_well(&mut self.instances[i]);
        self.count("asked to stop");
        self.restart(stack, i);
    }

    /// Stops an instance until the other has taken over all and goes on with it, then wakes it: it believes that it
    /// owns what it owned.
    pub(crate) fn wake_a_zombie(&mut self, load: &Load, rng: &mut Rng) {
        self.settle();
        chance(rng, 500);
        let (zombie, other) = if rng.permille(500) { (0, 1) } else { (1, 0) };
        self.instances[zombie].signal(Signal::STOP);
        wait_until("the other instance to take over", SETTLING, || {
            (self.instances[other].tasks()? == (self.partitions, self.partitions)).then_some(())
        });
        let before = load.acknowledged();
        wait_until("more records", SETTLING, || (load.acknowledged() > before + 100).then_some(()));
        self.instances[zombie].signal(Signal::CONT);
        self.count("stopped, replaced, awake again");
        self.settle();
    }

    /// ClickHouse dies, and comes back after a moment.
    pub(crate) fn clickhouse_dies(&mut self, stack: &mut Stack, rng: &mut Rng) {
        self.settle();
        chance(rng, 500);
        stack.clickhouse.kill();
        self.count("ClickHouse");
        chance(rng, 2_000);
        stack.clickhouse.restart().unwrap();
        self.settle();
    }

    /// The broker dies, and comes back after a moment.
    pub(crate) fn kafka_dies(&mut self, stack: &mut Stack, rng: &mut Rng) {
        self.settle();
        chance(rng, 500);
        stack.kafka.kill();
        self.count("Kafka");
        chance(rng, 1_000);
        stack.kafka.restart().unwrap();
        self.settle();
    }

    /// Asks both to stop: what they have taken is committed and inserted before they end.
    pub(crate) fn stop(&mut self) {
        for instance in &mut self.instances {
            stop_well(instance);
        }
    }
}

fn stop_well(instance: &mut Instance) {
    let status = instance.stop(STOPPING);
    assert!(status.success(), "stopped with {status}\n{}", instance.log_tail());
}

struct Dying {
    armed: Armed,
    since: Instant,
    tries: u32,
}

/// Lets up to so many milliseconds pass.
fn chance(rng: &mut Rng, ms_max: i64) {
    std::thread::sleep(Duration::from_millis(rng.between(0, ms_max).unsigned_abs()));
}
