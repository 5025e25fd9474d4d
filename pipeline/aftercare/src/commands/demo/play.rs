//! The seeded year, played through the pipeline tick by tick: what arrives until a tick is taken before the tick is
//! written, care managers answer the alerts that they see, and the world's time ends now. From there it can go on by the
//! wall.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::iter::Peekable;
use std::time::{Duration, Instant};

use aftercare_core::time;
use aftercare_kafka::drain::{Assigned, BATCH_RECORDS_MAX, Drain};
use aftercare_kafka::writer::RecordWriter;
use aftercare_runtime::topics::{self, ALERTS};
use aftercare_schemas::{codec, wire};
use aftercare_sim::carers::{self, SeenAlert};
use aftercare_sim::world::{Settings, SimRecord, Truth, World};
use aftercare_stream::log::Batch;
use anyhow::ensure;

use super::run::{Pipeline, STEP_MAX};
use crate::wiring::ticks;

/// What came of playing it.
pub(super) struct Played {
    /// Records written, by topic: of the world, and the care managers' actions.
    pub(super) written: BTreeMap<&'static str, u64>,
    /// Ticks.
    pub(super) ticks: u64,
    /// When the first alert that notifies was seen, since the demo began.
    pub(super) first_alert: Option<Duration>,
    /// What really happens to each patient.
    pub(super) truth: Vec<Truth>,
}

/// The world on its way into the pipeline.
pub(super) struct Play<'p> {
    pipeline: &'p Pipeline<'p>,
    writer: RecordWriter,
    world: Peekable<World>,
    alerts: Alerts,
    seed: u64,
    /// What the tasks had taken before, by topic.
    before: BTreeMap<&'static str, u64>,
    /// Care managers' actions to come, in the order of their arrival.
    actions: BTreeMap<(i64, u64), SimRecord>,
    pub(super) played: Played,
}

/// Plays it to its end. `began`: when the demo did.
pub(super) fn play<'p>(
    pipeline: &'p Pipeline<'p>,
    settings: Settings,
    began: Instant,
) -> anyhow::Result<Play<'p>> {
    let (end, seed) = (settings.end().0, settings.seed);
    let world = World::new(settings);
    let mut play = Play {
        pipeline,
        writer: pipeline.config.cluster().writer()?,
        alerts: Alerts::open(pipeline)?,
        seed,
        before: topics::with_role(topics::Role::Input).map(|t| (t.name, pipeline.taken(t.name))).collect(),
        actions: BTreeMap::new(),
        played: Played {
            written: BTreeMap::new(),
            ticks: 0,
            first_alert: None,
            truth: world.truth().collect(),
        },
        world: world.peekable(),
    };
    while let Some(record) = play.world.next_if(|record| record.at <= end) {
        if record.topic == topics::name(topics::CONTROL) {
            let tick: wire::Control<'_> = codec::decode(record.topic, Some(&record.value), None)?;
            // a tick that says more than the wall would be the newest for half a day
            if tick.at <= end {
                play.tick(&record, tick.at, began)?;
            }
        } else {
            play.write(&record)?;
        }
    }
    play.settle()?;
    Ok(play)
}

impl Play<'_> {
    fn write(&mut self, record: &SimRecord) -> anyhow::Result<()> {
        self.writer.write(record.topic, &record.key, &record.value, &[])?;
        *self.played.written.entry(record.topic).or_default() += 1;
        Ok(())
    }

    /// Time goes on, once everything before has its effect: alerts are seen, and what their people do until the tick
    /// lies in the log before it. (It waits there for the tick, which reaches it before any timer.)
    fn tick(&mut self, record: &SimRecord, at: i64, began: Instant) -> anyhow::Result<()> {
        self.settle()?;
        if self.see()? {
            self.played.first_alert.get_or_insert_with(|| began.elapsed());
        }
        self.act(at)?;
        self.settle()?;
        ticks::tell(&self.writer, &record.value)?;
        self.played.ticks += 1;
        self.pipeline.wait_step("a tick", || self.pipeline.ticked() >= at)
    }

    /// What arrives until `now`, by the wall; the time itself is told by others.
    pub(super) fn go_on(&mut self, now: i64) -> anyhow::Result<()> {
        while let Some(record) = self.world.next_if(|record| record.at <= now) {
            if record.topic != topics::name(topics::CONTROL) {
                self.write(&record)?;
            }
        }
        self.see()?;
        self.act(now)?;
        self.writer.flush()?;
        Ok(())
    }

    /// Care managers see what was raised; whether anything was.
    fn see(&mut self) -> anyhow::Result<bool> {
        let actions = self.alerts.seen(self.pipeline, self.seed)?;
        let any = !actions.is_empty();
        for action in actions {
            let mut place = (action.at, 0);
            while let Entry::Occupied(_) = self.actions.entry(place) {
                place.1 += 1;
            }
            self.actions.insert(place, action);
        }
        Ok(any)
    }

    /// They do what they do until then.
    fn act(&mut self, until: i64) -> anyhow::Result<()> {
        let later = self.actions.split_off(&(until, 0));
        for (_, action) in std::mem::replace(&mut self.actions, later) {
            self.write(&action)?;
        }
        Ok(())
    }

    /// Everything written is taken.
    fn settle(&mut self) -> anyhow::Result<()> {
        self.writer.flush()?;
        let (pipeline, before) = (self.pipeline, &self.before);
        pipeline.wait_step("the tasks", || {
            let taken = |topic: &str| pipeline.taken(topic) - before.get(topic).unwrap_or(&0);
            self.played.written.iter().all(|(topic, records)| taken(topic) >= *records)
        })
    }
}

/// The alerts as a console sees them: the topic, read committed.
struct Alerts {
    drain: Drain,
    read: u64,
}

impl Alerts {
    fn open(pipeline: &Pipeline<'_>) -> anyhow::Result<Self> {
        let cluster = pipeline.config.cluster();
        let mut drain = Drain::open(&cluster, &[])?;
        let topic = cluster.topic(topics::name(ALERTS));
        drain.assign(&Assigned::whole(ALERTS, &topic, pipeline.config.kafka.partitions))?;
        Ok(Self { drain, read: 0 })
    }

    /// What people will do about the alerts that were raised since the last call.
    fn seen(&mut self, pipeline: &Pipeline<'_>, seed: u64) -> anyhow::Result<Vec<SimRecord>> {
        let issued = pipeline.issued(topics::name(ALERTS));
        let (mut actions, began) = (Vec::new(), Instant::now());
        while self.read < issued {
            pipeline.goes_on()?;
            ensure!(began.elapsed() < STEP_MAX, "read {} of {issued} states of alerts", self.read);
            let batch = self.drain.poll(Duration::from_millis(20), BATCH_RECORDS_MAX)?;
            for i in 0..batch.len() {
                let alert: wire::Alert<'_> = codec::decode(topics::name(ALERTS), batch.get(i).value, None)?;
                self.read += 1;
                if alert.revision == 1 && !alert.historic {
                    actions.extend(carers::answers(&see(&alert), seed));
                }
            }
        }
        Ok(actions)
    }
}

fn see<'a>(alert: &wire::Alert<'a>) -> SeenAlert<'a> {
    SeenAlert {
        alert_id: alert.alert_id,
        patient_id: alert.patient_id,
        severity: alert.severity,
        raised_at: time::Instant(alert.raised_at),
        answer_due_at: alert.answer_due_at.map(time::Instant),
    }
}
