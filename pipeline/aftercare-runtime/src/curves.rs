//! Expected outcome curves in the flow. Every task writes what its patients contribute, and a boundary when a month has
//! ended; task 0 counts them and publishes editions; every task reads those and has the scores they concern judged
//! anew.

use std::collections::BTreeMap;
use std::sync::Arc;

use aftercare_core::curve::{
    Bin, Cohort, CohortCurve, Contribution, Curves, Edition, Learned, Moments, NotThere, build,
};
use aftercare_core::documents::{CohortLevel, Library};
use aftercare_core::month::Month;
use aftercare_core::time::Instant;
use aftercare_schemas::codec;
use aftercare_schemas::wire::{self, ContributionKind, CurveContribution, CurveEdition};
use aftercare_stream::log::{RecordRef, TaskLog};
use aftercare_stream::sequence::Version;

use crate::error::TaskError;
use crate::output::Pen;
use crate::state::{Contributed, leaf};
use crate::stats::{Counted, TaskStats};
use crate::task::{Task, learn};
use crate::topics::{CURVE_CONTRIBUTIONS, CURVE_EDITIONS};

/// The task that counts all contributions.
pub(crate) const COUNTING_TASK: i32 = 0;

/// After a longer silence (months) only the last so many periods get a boundary of their own.
const BOUNDARIES_MAX: i32 = 1_200;

/// From when on new editions and curves from elsewhere judge, by procedure.
pub(crate) type Published = BTreeMap<Arc<str>, Instant>;

impl Pen {
    pub(crate) fn contribution<L: TaskLog>(
        &mut self,
        log: &mut L,
        counted: &mut Counted,
        contribution: &Contribution,
    ) -> Result<(), TaskError> {
        let cohort = &contribution.cohort;
        debug_assert_eq!(self.last_sequence(CURVE_CONTRIBUTIONS) + 1, contribution.sequence);
        let (source_partition, score_id) = (self.partition, contribution.score_id());
        self.row(log, counted, CURVE_CONTRIBUTIONS, cohort.procedure(), |version| CurveContribution {
            version,
            source_partition,
            kind: if contribution.take { ContributionKind::Take } else { ContributionKind::Add },
            period_end: None,
            procedure: cohort.procedure(),
            instrument: Some(&contribution.instrument),
            plan: contribution.plan.as_deref(),
            age_band: cohort.characteristic(CohortLevel::AgeBand),
            sex: cohort.characteristic(CohortLevel::Sex),
            comorbidity: cohort.characteristic(CohortLevel::Comorbidity),
            cohort: Some(cohort.name(cohort.depth())),
            bin: Some(i32::from(contribution.bin)),
            index_hundredths: Some(contribution.index_hundredths),
            answered_at: Some(contribution.answered_at.0),
            score_id: Some(&score_id),
            stored_at: contribution.stored_at.0,
        })
    }

    fn boundary<L: TaskLog>(
        &mut self,
        log: &mut L,
        counted: &mut Counted,
        period_end: Instant,
        tick: i64,
    ) -> Result<(), TaskError> {
        let source_partition = self.partition;
        self.row(log, counted, CURVE_CONTRIBUTIONS, "", |version| CurveContribution {
            version,
            source_partition,
            kind: ContributionKind::Boundary,
            period_end: Some(period_end.0),
            procedure: "",
            instrument: None,
            plan: None,
            age_band: None,
            sex: None,
            comorbidity: None,
            cohort: None,
            bin: None,
            index_hundredths: None,
            answered_at: None,
            score_id: None,
            stored_at: tick,
        })
    }

    fn edition<L: TaskLog>(
        &mut self,
        log: &mut L,
        counted: &mut Counted,
        curve: &CohortCurve,
        tick: i64,
    ) -> Result<(), TaskError> {
        let plan = curve.plan.as_deref().unwrap_or("");
        let key = format!("{}\n{}\n{plan}\n{}", curve.cohort, curve.instrument, curve.effective_from.0);
        let bins = curve.bins.iter().map(bin_to_wire).collect();
        let sources = curve.edition.sources.iter().map(|&(partition, last)| wire::EditionSource {
            partition,
            last_sequence: i64::try_from(last).unwrap_or(i64::MAX),
        });
        let sources = sources.collect();
        self.row(log, counted, CURVE_EDITIONS, &key, |version| CurveEdition {
            version,
            edition: &curve.edition.name,
            cohort: &curve.cohort,
            parent: curve.parent.as_deref(),
            procedure: &curve.procedure,
            instrument: &curve.instrument,
            plan: curve.plan.as_deref(),
            effective_from: curve.effective_from.0,
            period_end: curve.edition.period_end.0,
            published_at: tick,
            prior_n: i32::try_from(curve.prior_n).unwrap_or(i32::MAX),
            bins,
            sources,
        })
    }
}

impl<L: TaskLog> Task<L> {
    /// At a tick: each month that has ended since the last one gets its boundary. The first tick of a state ends the
    /// month before it, of which there is nothing.
    pub(crate) fn boundary_tick(&mut self) -> Result<(), TaskError> {
        let tick = self.state.meta.tick;
        let ended = Month::of_utc(Instant(tick));
        if self.state.meta.curves_ended == Some(ended) {
            return Ok(());
        }
        let mut month = match self.state.meta.curves_ended {
            Some(known) => known.next().max(ended.before(BOUNDARIES_MAX)),
            None => ended,
        };
        while month <= ended {
            self.pen.boundary(&mut self.log, &mut self.counted, month.start_utc(), tick)?;
            month = month.next();
        }
        self.state.meta.curves_ended = self.state.meta.curves_ended.max(Some(ended));
        Ok(())
    }

    /// Task 0: counts a contribution. Each source's sequences come without a gap and once; what breaks that is left
    /// out, counted and reported.
    pub(crate) fn take_contribution(&mut self, record: &RecordRef<'_>) -> Result<(), TaskError> {
        let decoded = codec::decode::<CurveContribution<'_>>("curve-contributions", record.value, None);
        let taken = match decoded {
            Ok(contribution) => self.count(&contribution)?,
            Err(error) => Err(error.reason()),
        };
        if let Err(reason) = taken {
            TaskStats::add(&self.stats.curve_violations, 1);
            tracing::error!(offset = record.offset.0, reason, "contribution to a curve left out");
        }
        Ok(())
    }

    fn count(&mut self, row: &CurveContribution<'_>) -> Result<Result<(), &'static str>, TaskError> {
        let version = Version(row.version);
        let Ok(source) = u64::try_from(row.source_partition) else { return Ok(Err("no such partition")) };
        let before = self.state.cohorts.sources.get(source).map(|source| Version(source.last_version));
        let expected = match before {
            // Of a state that was given up; the one in force has written it again.
            Some(before) if version.incarnation() < before.incarnation() => return Ok(Ok(())),
            Some(before) if version.incarnation() == before.incarnation() => before.sequence() + 1,
            _ => 1,
        };
        if version.sequence() != expected {
            return Ok(Err("its sequence is not the next of its source"));
        }
        if before.is_some_and(|before| before.incarnation() < version.incarnation()) {
            tracing::warn!(
                source,
                "a task's state was begun anew: what it had contributed to curves is taken out"
            );
            self.state.cohorts.restart(&mut self.tx, source);
        }
        self.state.cohorts.sources.change(&mut self.tx, source, |source| source.last_version = row.version);
        if let Some(end) = row.period_end.filter(|_| row.kind == ContributionKind::Boundary) {
            self.state.cohorts.end(&mut self.tx, source, end, version.sequence());
            self.publish(true)?;
            return Ok(Ok(()));
        }
        let Some(contributed) = contributed(row, version.sequence()) else {
            return Ok(Err("it lacks what a contribution says"));
        };
        let counted = self.state.cohorts.take(&mut self.tx, contributed);
        if self.state.cohorts.ahead() > self.config.limits.contributions_ahead_max {
            TaskStats::add(&self.stats.curve_ahead_limit_hits, 1);
            tracing::error!(
                "more contributions wait than contributions_ahead_max: no task is waited for any more"
            );
            self.publish(false)?;
        }
        Ok(counted.map_err(|NotThere| "it takes out what was not added"))
    }

    /// Publishes an edition of each procedure for each period that every source has ended; not to `wait_for_all`, for
    /// one period that any source has ended, and then for those that every source has.
    fn publish(&mut self, mut wait_for_all: bool) -> Result<(), TaskError> {
        while let Some((period_end, sources)) =
            self.state.cohorts.ended_period(self.config.partitions, wait_for_all)
        {
            wait_for_all = true;
            let sources: Arc<[(i32, u64)]> = sources.into();
            let (tick, library) = (self.state.meta.tick, &self.library);
            let mut curves = Vec::new();
            for (procedure, counts) in self.state.cohorts.by_procedure() {
                let name = Edition::name_of(procedure, Instant(period_end)).into();
                let edition =
                    Edition { name, period_end: Instant(period_end), sources: Arc::clone(&sources) };
                let rules = |instrument: &str, plan: Option<&str>| library.curve_rules(instrument, plan);
                curves.extend(build(procedure, &edition, rules, counts.into_iter()));
            }
            for curve in &curves {
                self.pen.edition(&mut self.log, &mut self.counted, curve, tick)?;
            }
            let not_there = self.state.cohorts.begin_next(&mut self.tx, period_end);
            if not_there > 0 {
                TaskStats::add(&self.stats.curve_violations, not_there);
                tracing::error!(contributions = not_there, "contributions take out what was not added");
            }
        }
        Ok(())
    }

    /// Judges anew the scores that new editions and curves from elsewhere concern: by procedure, those answered from then on.
    pub(crate) fn judge_anew(&mut self, published: &Published) -> Result<(), TaskError> {
        if published.is_empty() {
            return Ok(());
        }
        for no in self.state.patient_numbers() {
            let concerns = |(procedure, from): &(&Arc<str>, &Instant)| {
                self.state.patient(no).patient.is_judged_by(procedure, **from)
            };
            let concerned: Vec<_> = published.iter().filter(concerns).collect();
            if concerned.is_empty() {
                continue;
            }
            self.touch_patient(no);
            let patient = &mut self.state.patient_mut(no).patient;
            concerned.into_iter().for_each(|(_, from)| patient.judge_anew(*from));
            self.issue_changes(no)?;
            self.follow_judged(no)?;
        }
        Ok(())
    }
}

fn contributed(row: &CurveContribution<'_>, sequence: u64) -> Option<Contributed> {
    let take = match row.kind {
        ContributionKind::Add => false,
        ContributionKind::Take => true,
        ContributionKind::Boundary | ContributionKind::Unknown => return None,
    };
    let cohort = match row.cohort {
        Some(name) => Cohort::parse(row.procedure, name)?,
        None => Cohort::new(row.procedure, [row.age_band, row.sex, row.comorbidity])?,
    };
    Some(Contributed {
        source: row.source_partition,
        sequence,
        take,
        leaf: leaf(cohort, row.instrument?, row.plan),
        bin: u16::try_from(row.bin?).ok()?,
        index_hundredths: row.index_hundredths?,
    })
}

/// Takes a document's record in. A curve from elsewhere also goes into the curves, and from when on it judges is noted in
/// `published`: as with an edition, it must not matter whether it came before or after the answers.
pub(crate) fn learn_document(
    library: &mut Library,
    curves: &mut Curves,
    record: &RecordRef<'_>,
    published: &mut Published,
) {
    if let Some(prior) = learn(library, record) {
        curves.learn_prior(&prior);
        note(published, Arc::clone(&prior.procedure), prior.effective_from);
    }
}

fn note(published: &mut Published, procedure: Arc<str>, from: Instant) {
    let known = published.entry(procedure).or_insert(from);
    *known = from.min(*known);
}

/// Takes an edition's record into the curves, and notes in `published` what it completes. A record that can't be read
/// changes nothing.
pub(crate) fn learn_edition(curves: &mut Curves, record: &RecordRef<'_>, published: &mut Published) {
    let row = match codec::decode::<CurveEdition<'_>>("curve-editions", record.value, None) {
        Ok(row) => row,
        Err(error) => return tracing::error!(offset = record.offset.0, %error, "edition of a curve ignored"),
    };
    let curve = curve_of(&row);
    let (procedure, from) = (Arc::clone(&curve.procedure), curve.effective_from);
    let is_last = curve.parent.is_none();
    match curves.learn(curve) {
        Learned::Part => {}
        Learned::Differs => {
            tracing::error!(offset = record.offset.0, edition = row.edition, "an edition is published twice");
        }
        // What is known already was judged by only if the transaction that read it was not taken back.
        Learned::Complete | Learned::Known if is_last => note(published, procedure, from),
        Learned::Complete | Learned::Known => {}
    }
}

fn curve_of(row: &CurveEdition<'_>) -> CohortCurve {
    let sources = row.sources.iter();
    let sources = sources.map(|source| (source.partition, u64::try_from(source.last_sequence).unwrap_or(0)));
    CohortCurve {
        edition: Edition {
            name: row.edition.into(),
            period_end: Instant(row.period_end),
            sources: sources.collect(),
        },
        procedure: row.procedure.into(),
        cohort: row.cohort.into(),
        parent: row.parent.map(Arc::from),
        instrument: row.instrument.into(),
        plan: row.plan.map(Arc::from),
        effective_from: Instant(row.effective_from),
        prior_n: u32::try_from(row.prior_n).unwrap_or(0),
        bins: row.bins.iter().map(bin_of_wire).collect(),
    }
}

fn bin_to_wire(bin: &Bin) -> wire::CurveBin {
    let small = |number: i128| i64::try_from(number).unwrap_or(i64::MAX);
    wire::CurveBin {
        bin: i32::from(bin.bin),
        from_day: bin.from_day,
        to_day: bin.to_day,
        n: small(bin.moments.n),
        sum_hundredths: small(bin.moments.sum),
        sum_squares: small(bin.moments.squares),
        quantiles_hundredths: bin.quantiles_hundredths.clone(),
    }
}

fn bin_of_wire(bin: &wire::CurveBin) -> Bin {
    Bin {
        bin: u16::try_from(bin.bin).unwrap_or(u16::MAX),
        from_day: bin.from_day,
        to_day: bin.to_day,
        moments: Moments {
            n: i128::from(bin.n),
            sum: i128::from(bin.sum_hundredths),
            squares: i128::from(bin.sum_squares),
        },
        quantiles_hundredths: bin.quantiles_hundredths.clone(),
    }
}
