//! The life of one alert: open, acknowledged, snoozed, resolved or withdrawn; escalated where nobody answers in time.
//!
//! What people did is kept as facts and folded in the order in which they did it, so that the order of arrival, a
//! repetition or a correction of an action makes no difference. What the ticks did (escalations) happened and stays.

use serde::{Deserialize, Serialize};

use super::words::{AlertChange, AlertStatus, CauseKind, Evidence, Happening, OUTCOMES, hash};
use crate::documents::{Role, Severity};
use crate::facts::{ActionFact, Source};
use crate::time::{Instant, Millis};

/// Actions of one alert that are kept.
const ACTS_MAX: usize = 32;

/// Facts that the rule looked at and that are kept.
pub(super) const EVIDENCE_MAX: usize = 24;

/// What a person did.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct Act {
    at: Instant,
    /// Hash of the action's id.
    pub(super) id: u64,
    deed: Deed,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
enum Deed {
    Acknowledge { actor: Box<str> },
    Assign { to: Box<str> },
    Snooze { until: Instant },
    Escalate { to: Option<Box<str>> },
    Resolve { actor: Box<str>, outcome: Option<u8> },
}

impl Act {
    /// `None`: the action says nothing that changes an alert.
    pub(super) fn new(id: &str, at: Instant, fact: &ActionFact<'_>) -> Option<Act> {
        let deed = match fact.kind {
            "acknowledge" => Deed::Acknowledge { actor: fact.actor_id.into() },
            "assign" => Deed::Assign { to: fact.assignee_id?.into() },
            "snooze" => Deed::Snooze { until: fact.snoozed_until? },
            "escalate" => Deed::Escalate { to: fact.assignee_id.map(Box::from) },
            "resolve" => {
                let known = OUTCOMES.iter().position(|known| Some(*known) == fact.outcome);
                let outcome = known.and_then(|position| u8::try_from(position).ok());
                Deed::Resolve { actor: fact.actor_id.into(), outcome }
            }
            _ => return None,
        };
        Some(Act { at, id: hash(id), deed })
    }
}

/// What all actions together come to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Fold {
    assignee: Option<Box<str>>,
    acknowledged_at: Option<Instant>,
    snoozed_until: Option<Instant>,
    resolved_at: Option<Instant>,
    outcome: Option<u8>,
    escalations: i32,
}

/// One alert, as kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Alert {
    pub(super) episode: Box<str>,
    pub(super) rule: Box<str>,
    pub(super) cause_id: Box<str>,
    /// Policy and version that raised it.
    pub(super) policy: Box<str>,
    /// The position of the rule's kind.
    pub(super) kind: u8,
    /// The series of facts that it watches, and the point that raised it.
    pub(super) series: u64,
    pub(super) point: u64,
    pub(super) severity: Severity,
    pub(super) of_service: bool,
    /// Who sees it from the start.
    pub(super) routes: Vec<Role>,
    /// Who is asked next, one at a time.
    pub(super) next: Vec<Role>,
    /// How often it is escalated at most when nobody answers.
    pub(super) escalations_max: i32,
    /// Time to answer; `None`: no limit.
    pub(super) answer_ms: Option<i64>,
    pub(super) nearing_percent: i32,
    pub(super) cause_kind: CauseKind,
    pub(super) caused_at: Instant,
    pub(super) uploaded_at: Option<Instant>,
    pub(super) raised_at: Instant,
    pub(super) historic: bool,
    pub(super) vip: bool,
    pub(super) source: Source,
    pub(super) evidence: Vec<Evidence>,
    pub(super) revision: i32,
    /// When the time to answer began; `None`: none runs.
    clock_from: Option<Instant>,
    /// It was said that the time to answer runs out.
    is_nearing: bool,
    /// By the tick.
    escalations: i32,
    acts: Vec<Act>,
    /// The end of a snooze that was told.
    woke_at: Option<Instant>,
    pub(super) withdrawn: bool,
    /// Its cause is gone; it stays because someone acted, or because the condition lasts.
    pub(super) corrected: bool,
}

/// What a rule says about a new alert.
pub(super) struct Birth {
    pub(super) episode: Box<str>,
    pub(super) rule: Box<str>,
    pub(super) policy: Box<str>,
    pub(super) kind: u8,
    pub(super) series: u64,
    pub(super) severity: Severity,
    pub(super) of_service: bool,
    pub(super) routes: Vec<Role>,
    pub(super) escalate_to: Vec<Role>,
    pub(super) answer_minutes: Option<i32>,
    pub(super) nearing_percent: i32,
    pub(super) vip: bool,
    pub(super) historic: bool,
}

/// What raised an alert.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Cause {
    pub(super) kind: CauseKind,
    pub(super) id: Box<str>,
    pub(super) at: Instant,
    pub(super) uploaded_at: Option<Instant>,
    pub(super) source: Source,
    pub(super) evidence: Vec<Evidence>,
}

impl Alert {
    pub(super) fn new(birth: Birth, point: u64, cause: Cause, tick: Instant) -> Alert {
        let mut routes = Vec::with_capacity(birth.routes.len() + 1);
        let clinician = (!birth.of_service).then_some(Role::Clinician);
        for role in birth.routes.into_iter().chain(clinician) {
            if !routes.contains(&role) {
                routes.push(role);
            }
        }
        let can_escalate = !birth.escalate_to.is_empty();
        let mut next = birth.escalate_to;
        next.retain(|role| !routes.contains(role));
        let most = i32::try_from(next.len()).unwrap_or(i32::MAX).max(1);
        let minutes = birth.answer_minutes.filter(|_| !birth.historic);
        Alert {
            episode: birth.episode,
            rule: birth.rule,
            cause_id: cause.id,
            policy: birth.policy,
            kind: birth.kind,
            series: birth.series,
            point,
            severity: birth.severity,
            of_service: birth.of_service,
            routes,
            next,
            escalations_max: if can_escalate { most } else { 0 },
            answer_ms: minutes.map(|minutes| i64::from(minutes) * 60_000),
            nearing_percent: birth.nearing_percent,
            cause_kind: cause.kind,
            caused_at: cause.at,
            uploaded_at: cause.uploaded_at,
            raised_at: tick,
            historic: birth.historic,
            vip: birth.vip,
            source: cause.source,
            evidence: cause.evidence,
            revision: 1,
            clock_from: minutes.map(|_| tick),
            is_nearing: false,
            escalations: 0,
            acts: Vec::new(),
            woke_at: None,
            withdrawn: false,
            corrected: false,
        }
    }

    pub(super) fn id(&self) -> String {
        format!("{}/{}/{}", self.episode, self.rule, self.cause_id)
    }

    pub(super) fn is_acted_on(&self) -> bool {
        !self.acts.is_empty()
    }

    fn fold(&self) -> Fold {
        let mut fold = Fold::default();
        for act in &self.acts {
            match &act.deed {
                Deed::Acknowledge { actor } => {
                    fold.acknowledged_at.get_or_insert(act.at);
                    fold.assignee.get_or_insert_with(|| actor.clone());
                    fold.snoozed_until = None;
                }
                Deed::Assign { to } => fold.assignee = Some(to.clone()),
                // What is critical can't be put off before somebody has answered.
                Deed::Snooze { .. }
                    if self.severity == Severity::Critical && fold.acknowledged_at.is_none() => {}
                Deed::Snooze { until } => fold.snoozed_until = Some(*until).filter(|until| *until > act.at),
                Deed::Escalate { to } => {
                    fold.escalations += 1;
                    fold.assignee = to.clone().or(fold.assignee);
                }
                Deed::Resolve { actor, outcome } => {
                    if fold.resolved_at.is_none() {
                        fold.resolved_at = Some(act.at);
                        fold.outcome = *outcome;
                    }
                    fold.assignee.get_or_insert_with(|| actor.clone());
                }
            }
        }
        fold
    }

    pub(super) fn status(&self, tick: Instant) -> AlertStatus {
        self.status_of(&self.fold(), tick)
    }

    fn status_of(&self, fold: &Fold, tick: Instant) -> AlertStatus {
        match fold {
            _ if self.withdrawn => AlertStatus::Withdrawn,
            Fold { resolved_at: Some(_), .. } => AlertStatus::Resolved,
            Fold { snoozed_until: Some(until), .. } if *until > tick => AlertStatus::Snoozed,
            Fold { acknowledged_at: Some(_), .. } => AlertStatus::Acknowledged,
            _ => AlertStatus::Open,
        }
    }

    pub(super) fn resolved_at(&self) -> Option<Instant> {
        self.fold().resolved_at
    }

    /// When it must be answered. `None`: no limit, or answered, or put off.
    fn due_at(&self, fold: &Fold, tick: Instant) -> Option<Instant> {
        let waits = self.status_of(fold, tick) == AlertStatus::Open;
        let since = self.clock_from.filter(|_| waits)?;
        Some(since.saturating_add(Millis(self.answer_ms?)))
    }

    fn nearing_at(&self) -> Option<Instant> {
        let share = self.answer_ms?.saturating_mul(i64::from(self.nearing_percent)) / 100;
        Some(self.clock_from?.saturating_add(Millis(share)))
    }

    /// The tick at which it wants to be looked at.
    pub(super) fn next_due(&self, tick: Instant) -> Option<Instant> {
        let fold = self.fold();
        match self.status_of(&fold, tick) {
            AlertStatus::Snoozed => fold.snoozed_until,
            AlertStatus::Open if self.escalations < self.escalations_max || !self.is_nearing => {
                if self.is_nearing { self.due_at(&fold, tick) } else { self.nearing_at() }
            }
            _ => None,
        }
    }

    /// Adds what a person did, or replaces it, or takes it back. Answers whether anything changed.
    pub(super) fn act(&mut self, id: u64, act: Option<Act>, tick: Instant) -> Option<Happening> {
        let before = (self.fold(), self.status(tick));
        self.acts.retain(|known| known.id != id);
        if let Some(act) = act {
            if self.acts.len() >= ACTS_MAX {
                let spare = |act: &Act| !matches!(act.deed, Deed::Acknowledge { .. } | Deed::Resolve { .. });
                let at = self.acts.iter().position(spare)?;
                self.acts.remove(at);
            }
            let place = self.acts.partition_point(|known| *known < act);
            self.acts.insert(place, act);
        }
        let after = (self.fold(), self.status(tick));
        if before == after {
            return None;
        }
        let passed_on = after.0.escalations > before.0.escalations;
        if passed_on || (before.1 != AlertStatus::Open && after.1 == AlertStatus::Open) {
            self.start_clock(tick);
        }
        self.revision += 1;
        Some(match (before.1.is_open(), after.1.is_open()) {
            (true, false) => Happening::Closed,
            (false, true) => Happening::Raised,
            _ if passed_on => Happening::Escalated,
            _ => Happening::Changed,
        })
    }

    fn start_clock(&mut self, tick: Instant) {
        self.clock_from = self.answer_ms.map(|_| tick);
        self.is_nearing = false;
    }

    /// What time alone does to it.
    pub(super) fn tick(&mut self, tick: Instant) -> Option<Happening> {
        let fold = self.fold();
        let woke = fold.snoozed_until.filter(|until| *until <= tick && self.woke_at != Some(*until));
        if let Some(until) = woke.filter(|_| !self.withdrawn && fold.resolved_at.is_none()) {
            self.woke_at = Some(until);
            self.start_clock(tick);
            self.revision += 1;
            return Some(Happening::Changed);
        }
        let due = self.due_at(&fold, tick)?;
        if due <= tick && self.escalations < self.escalations_max {
            self.escalations += 1;
            self.start_clock(tick);
            self.is_nearing = self.escalations >= self.escalations_max;
            self.revision += 1;
            return Some(Happening::Escalated);
        }
        if !self.is_nearing && self.nearing_at().is_some_and(|nearing| nearing <= tick) {
            self.is_nearing = true;
            self.revision += 1;
            return Some(Happening::Changed);
        }
        None
    }

    /// Its cause was corrected, or ended: it is withdrawn if nobody acted and the condition does not last, else it says
    /// so. Said once, it is withdrawn as soon as the condition does not last.
    pub(super) fn correct(&mut self, what: &str, lasts: bool, tick: Instant) -> Option<Happening> {
        let stays = lasts || self.is_acted_on();
        if self.withdrawn || (self.corrected && stays) {
            return None;
        }
        self.corrected = true;
        self.revision += 1;
        if !stays {
            self.withdrawn = true;
            return Some(Happening::Closed);
        }
        self.evidence.truncate(EVIDENCE_MAX - 1);
        self.evidence.push(Evidence::text("cause", what).at(tick));
        Some(Happening::Changed)
    }

    /// Its cause holds (again), with this evidence.
    pub(super) fn confirm(&mut self, cause: Cause, tick: Instant) -> Option<Happening> {
        let came_back = self.withdrawn;
        if !came_back && !self.corrected && self.evidence == cause.evidence && self.caused_at == cause.at {
            return None;
        }
        (self.withdrawn, self.corrected) = (false, false);
        (self.evidence, self.caused_at) = (cause.evidence, cause.at);
        self.revision += 1;
        if came_back {
            self.raised_at = tick;
            self.start_clock(tick);
        }
        let is_raised = came_back && self.status(tick).is_open();
        Some(if is_raised { Happening::Raised } else { Happening::Changed })
    }

    /// The row.
    pub(super) fn row(&self, happening: Happening, tick: Instant) -> AlertChange {
        let fold = self.fold();
        let status = self.status_of(&fold, tick);
        let escalations = self.escalations + fold.escalations;
        let mut routed_to = self.routes.clone();
        routed_to.extend(self.next.iter().take(usize::try_from(escalations).unwrap_or(0)));
        let mut evidence = self.evidence.clone();
        let answer_due_at = self.due_at(&fold, tick);
        if self.is_nearing && answer_due_at.is_some() && self.escalations == 0 {
            let share = Evidence::number("answer_time_used", f64::from(self.nearing_percent), "%");
            evidence.extend(self.nearing_at().map(|at| share.at(at)));
        }
        AlertChange {
            alert_id: self.id(),
            revision: self.revision,
            status,
            rule: self.rule.clone(),
            policy: self.policy.clone(),
            severity: self.severity,
            audience: if self.of_service { "service" } else { "patient_care" },
            routed_to,
            episode_id: self.episode.clone(),
            cause_kind: self.cause_kind.as_str(),
            cause_id: self.cause_id.clone(),
            caused_at: self.caused_at,
            uploaded_at: self.uploaded_at,
            raised_at: self.raised_at,
            historic: self.historic,
            vip: self.vip,
            answer_due_at,
            escalations,
            assignee_id: fold.assignee,
            acknowledged_at: fold.acknowledged_at,
            snoozed_until: fold.snoozed_until.filter(|_| status == AlertStatus::Snoozed),
            resolved_at: fold.resolved_at.filter(|_| !self.withdrawn),
            outcome: fold.outcome.and_then(|code| OUTCOMES.get(usize::from(code)).copied()),
            evidence,
            stored_at: tick,
            source: self.source,
            happening,
            kind: self.kind,
        }
    }
}
