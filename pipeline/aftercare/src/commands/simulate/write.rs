//! A world on its way into Kafka.

use std::collections::BTreeMap;
use std::iter::Peekable;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use aftercare_kafka::writer::RecordWriter;
use aftercare_sim::world::World;
use aftercare_stream::partitioner::partition_of;

use super::Args;
use super::step::Step;
use crate::config::Config;
use crate::wiring::ticks::{self, tick};
use crate::wiring::{say, wall_clock};

/// How often a world that is followed is looked at, and its time told.
const LOOK: Duration = Duration::from_millis(200);
const TICK_MS: i64 = 1_000;

/// A world, and how far it has been written.
pub(super) struct Simulation {
    writer: RecordWriter,
    world: Peekable<World>,
    end: i64,
    /// Between two ticks of the history, ms; 0: it has none.
    tick_ms: i64,
    follows: bool,
    speed: i64,
    step: Option<Step>,
    written: BTreeMap<&'static str, u64>,
}

impl Simulation {
    pub(super) fn new(config: &Config, args: &Args, world: World) -> anyhow::Result<Self> {
        let settings = world.settings();
        Ok(Self {
            writer: config.cluster().writer()?,
            end: settings.end().0,
            tick_ms: i64::from(settings.tick_minutes) * 60_000,
            world: world.peekable(),
            follows: args.follow,
            speed: args.speed.into(),
            step: if args.in_step { Some(Step::new(&config.cluster())?) } else { None },
            written: BTreeMap::new(),
        })
    }

    /// Records written so far.
    pub(super) fn total(&self) -> u64 {
        self.written.values().sum()
    }

    /// Writes what arrives until the world ends; with ticks, one more after all of it, at which the tasks finish it.
    pub(super) fn write_history(&mut self) -> anyhow::Result<()> {
        while let Some(record) = self.world.next_if(|record| record.at <= self.end) {
            if record.topic != "control" {
                self.write(record.topic, &record.key, &record.value)?;
            } else if !self.follows || record.at + self.tick_ms <= self.end {
                // Nobody may learn the time before the records that came earlier are there.
                self.settle()?;
                self.tell_all_tasks(&record.value)?;
                self.settle()?;
            } else {
                continue;
            }
            *self.written.entry(record.topic).or_default() += 1;
            if self.total().is_multiple_of(500_000) {
                say(format_args!("{} records", self.total()));
            }
        }
        self.settle()?;
        if self.tick_ms > 0 {
            let last = if self.follows { self.end } else { self.end + self.tick_ms };
            self.tell_all_tasks(&tick(last + 1)?)?;
            self.settle()?;
        }
        Ok(())
    }

    /// Goes on from the world's end, as the wall clock goes from now on, until told to stop.
    pub(super) fn follow(&mut self, stop: &AtomicBool) -> anyhow::Result<()> {
        // The history's last tick lies one millisecond past its end.
        let (from, began, mut ticked) = (self.end + 1, wall_clock(), i64::MIN);
        while !stop.load(Relaxed) {
            let now = from + (wall_clock() - began) * self.speed;
            if self.tick_ms > 0 && wall_clock() >= ticked.saturating_add(TICK_MS) {
                ticked = wall_clock();
                self.tell_all_tasks(&tick(now)?)?;
                self.settle()?;
            }
            while let Some(record) = self.world.next_if(|record| record.at <= now) {
                // The ticks of the world's own are those of its history.
                if record.topic != "control" {
                    self.write(record.topic, &record.key, &record.value)?;
                    *self.written.entry(record.topic).or_default() += 1;
                }
            }
            self.settle()?;
            std::thread::sleep(LOOK);
        }
        Ok(())
    }

    /// Waits until all that was written is acknowledged and, in step, taken.
    fn settle(&mut self) -> anyhow::Result<()> {
        self.writer.flush()?;
        self.step.as_mut().map_or(Ok(()), Step::wait)
    }

    fn write(&mut self, topic: &'static str, key: &[u8], value: &[u8]) -> anyhow::Result<()> {
        let partition = partition_of(key, self.writer.partitions(topic)?);
        self.writer.write_to(topic, partition, Some(key), Some(value), &[])?;
        if let Some(step) = &mut self.step {
            step.wrote(topic, partition);
        }
        Ok(())
    }

    fn tell_all_tasks(&mut self, value: &[u8]) -> anyhow::Result<()> {
        ticks::tell(&self.writer, value)?;
        for partition in 0..self.writer.partitions("control")? {
            if let Some(step) = &mut self.step {
                step.wrote("control", partition);
            }
        }
        Ok(())
    }
}
