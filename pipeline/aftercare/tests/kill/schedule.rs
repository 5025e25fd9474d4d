//! Who is killed where and when: a function of the seed.

use std::collections::VecDeque;
use std::fmt;

use aftercare_sim::rng::Rng;

/// A point inside the process, how often it may be passed before it kills, and, where the kill comes from outside the
/// thread that passes, how many microseconds later at most.
struct Point(&'static str, i64, Option<i64>);

/// Every place between a record read and a position moved, in the task and in the sink. Points with a delay end the
/// process while it waits for the answer of the broker or of ClickHouse, so nobody knows what became of the request.
const POINTS: &[Point] = &[
    Point("task.taken-over", 1, None),
    Point("task.restoring", 5, None),
    Point("task.restored", 1, None),
    Point("task.resumed", 2, None),
    Point("task.polled", 15, None),
    Point("task.sent", 60, None),
    Point("task.changelog-sent", 15, None),
    Point("task.commit-called", 15, None),
    Point("task.committing", 15, None),
    Point("task.committing", 15, Some(400)),
    Point("task.committing", 15, Some(1_500)),
    Point("task.committing", 15, Some(3_000)),
    Point("task.committing", 15, Some(3_000)),
    Point("task.committed", 15, None),
    Point("task.cutting", 1, None),
    Point("task.cut", 1, None),
    Point("sink.assigned", 2, None),
    Point("sink.read", 5, None),
    Point("sink.inserting", 12, Some(4_000)),
    Point("sink.inserted", 1, None),
    Point("sink.inserted", 12, None),
    Point("sink.covered", 1, None),
    Point("sink.covered", 12, None),
    Point("sink.moving", 5, None),
    Point("sink.moving", 5, Some(2_000)),
    Point("sink.moved", 5, None),
];

/// One death to come.
#[derive(Clone, Debug)]
pub(crate) struct Armed {
    pub(crate) point: &'static str,
    pub(crate) passing: i64,
    after_us: Option<i64>,
}

impl Armed {
    /// The name under which it is counted.
    pub(crate) fn name(&self) -> String {
        let later = if self.after_us.is_some() { " (and a moment)" } else { "" };
        format!("{}{later}", self.point)
    }
}

impl fmt::Display for Armed {
    /// As the environment variable wants it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.point, self.passing)?;
        self.after_us.map_or(Ok(()), |us| write!(f, ":{us}"))
    }
}

/// How many deaths at named points a round has.
pub(crate) const POINTS_PER_ROUND: usize = POINTS.len();

/// A round: every point once, dealt out to the two instances in the order of chance.
pub(crate) fn deal(rng: &mut Rng) -> [VecDeque<Armed>; 2] {
    let mut armed: Vec<Armed> = POINTS
        .iter()
        .map(|Point(point, passings, after)| Armed {
            point,
            passing: rng.between(1, passings + 1),
            after_us: after.map(|us| rng.between(0, us + 1)),
        })
        .collect();
    for i in (1..armed.len()).rev() {
        let j = rng.between(0, i64::try_from(i).unwrap() + 1);
        armed.swap(i, usize::try_from(j).unwrap());
    }
    let second = armed.split_off(armed.len() / 2);
    [armed.into(), second.into()]
}
