//! What goes badly after a treatment: hidden events, the signs that come before them, and what they leave behind. The
//! figures are invented, within what is usual.

use aftercare_schemas::wire::ClinicalKind;

use crate::rng::Rng;

use super::treatment::Treatment;

/// How far vital signs move when an event strikes, in the units of their metrics.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shift {
    pub(super) heart_rate: f64,
    pub(super) systolic: f64,
    pub(super) oxygen: f64,
    pub(super) respiration: f64,
    pub(super) temperature: f64,
    pub(super) weight: f64,
}

/// One way in which it goes badly.
#[derive(Debug)]
pub(super) struct Kind {
    pub(super) name: &'static str,
    /// What the hospital records: the kind of event, and its ICD-10 code.
    pub(super) recorded: ClinicalKind,
    pub(super) code: &'static str,
    /// How many of 1000 patients of the treatment.
    permille: u32,
    /// First and last day after the treatment on which it may strike.
    days: (f64, f64),
    /// For how many days before it answers get worse; vital signs for at most [`VITALS_DAYS_MAX`] of them.
    lead_days: f64,
    /// How many of 1000 come without any sign.
    silent_permille: u32,
    /// Health lost, and mood lost.
    depth: f64,
    gloom: f64,
    vitals: Shift,
}

/// Vital signs turn only in the last days.
const VITALS_DAYS_MAX: f64 = 7.0;
/// Days until vital signs and health have mostly come back.
const VITALS_BACK_DAYS: f64 = 4.0;
const HEALTH_BACK_DAYS: f64 = 35.0;
/// This share of what was lost comes back.
const COMES_BACK: f64 = 0.6;

const STEADY: Shift =
    Shift { heart_rate: 0.0, systolic: 0.0, oxygen: 0.0, respiration: 0.0, temperature: 0.0, weight: 0.0 };

const fn kind(name: &'static str, code: &'static str, permille: u32, days: (f64, f64)) -> Kind {
    Kind {
        name,
        recorded: ClinicalKind::Stay,
        code,
        permille,
        days,
        lead_days: 1.0,
        silent_permille: 0,
        depth: 0.3,
        gloom: 0.0,
        vitals: STEADY,
    }
}

const AFTER_STENT: [Kind; 4] = [
    Kind {
        lead_days: 45.0,
        silent_permille: 150,
        depth: 0.36,
        vitals: Shift { heart_rate: 5.0, ..STEADY },
        ..kind("restenosis", "I20.0", 65, (60.0, 250.0))
    },
    Kind {
        lead_days: 14.0,
        silent_permille: 150,
        vitals: Shift { heart_rate: 22.0, oxygen: -4.0, respiration: 7.0, weight: 3.5, ..STEADY },
        ..kind("heart-failure", "I50.9", 35, (20.0, 250.0))
    },
    Kind {
        lead_days: 4.0,
        silent_permille: 400,
        depth: 0.2,
        vitals: Shift { heart_rate: 24.0, systolic: -22.0, ..STEADY },
        ..kind("bleeding", "K92.2", 20, (10.0, 150.0))
    },
    Kind { silent_permille: 800, depth: 0.4, ..kind("stent-thrombosis", "I21.9", 15, (3.0, 60.0)) },
];
const AFTER_ABLATION: [Kind; 3] = [
    Kind {
        lead_days: 21.0,
        silent_permille: 200,
        depth: 0.35,
        vitals: Shift { heart_rate: 38.0, ..STEADY },
        ..kind("recurrence", "I48.0", 120, (40.0, 250.0))
    },
    Kind {
        lead_days: 3.0,
        silent_permille: 300,
        vitals: Shift { heart_rate: 26.0, systolic: -20.0, respiration: 6.0, ..STEADY },
        ..kind("pericardial-effusion", "I31.3", 15, (2.0, 25.0))
    },
    Kind { silent_permille: 850, depth: 0.4, gloom: 0.15, ..kind("stroke", "I63.9", 12, (5.0, 250.0)) },
];
const AFTER_HIP: [Kind; 4] = [
    Kind {
        lead_days: 10.0,
        silent_permille: 100,
        depth: 0.4,
        vitals: Shift { heart_rate: 22.0, respiration: 5.0, temperature: 1.8, ..STEADY },
        ..kind("joint-infection", "T84.5", 30, (10.0, 100.0))
    },
    Kind {
        silent_permille: 900,
        depth: 0.4,
        recorded: ClinicalKind::Complication,
        ..kind("dislocation", "M24.4", 25, (5.0, 120.0))
    },
    Kind { lead_days: 50.0, silent_permille: 200, ..kind("loosening", "T84.0", 25, (120.0, 250.0)) },
    Kind {
        lead_days: 3.0,
        silent_permille: 300,
        vitals: Shift { heart_rate: 30.0, oxygen: -5.0, respiration: 9.0, ..STEADY },
        ..kind("pulmonary-embolism", "I26.9", 15, (5.0, 60.0))
    },
];
const AFTER_TRANSPLANT: [Kind; 4] = [
    Kind {
        recorded: ClinicalKind::Rejection,
        lead_days: 14.0,
        silent_permille: 200,
        depth: 0.25,
        vitals: Shift { systolic: 24.0, temperature: 0.6, weight: 3.0, ..STEADY },
        ..kind("acute-rejection", "T86.1", 100, (14.0, 200.0))
    },
    Kind {
        lead_days: 5.0,
        silent_permille: 200,
        vitals: Shift {
            heart_rate: 28.0,
            systolic: -14.0,
            oxygen: -2.0,
            respiration: 7.0,
            temperature: 2.0,
            ..STEADY
        },
        ..kind("infection", "A41.9", 110, (10.0, 250.0))
    },
    Kind {
        recorded: ClinicalKind::Visit,
        lead_days: 30.0,
        silent_permille: 150,
        depth: 0.12,
        gloom: 0.72,
        ..kind("depression", "F32.2", 70, (30.0, 250.0))
    },
    Kind {
        recorded: ClinicalKind::GraftFailure,
        lead_days: 20.0,
        silent_permille: 300,
        depth: 0.35,
        vitals: Shift { systolic: 20.0, weight: 4.0, ..STEADY },
        ..kind("graft-failure", "T86.1", 12, (20.0, 250.0))
    },
];

/// An event that a patient will have.
#[derive(Clone, Copy, Debug)]
pub(super) struct Adverse {
    pub(super) kind: &'static Kind,
    /// Days after the treatment.
    pub(super) onset_days: f64,
    /// It shows beforehand in answers, in vital signs.
    pub(super) in_answers: bool,
    pub(super) in_vitals: bool,
    /// The hospital records it.
    pub(super) recorded: bool,
    pub(super) stay_days: i64,
}

impl Adverse {
    pub(super) fn draw(treatment: Treatment, rng: &mut Rng) -> Option<Self> {
        let kinds: &'static [Kind] = match treatment {
            Treatment::Stent => &AFTER_STENT,
            Treatment::Ablation => &AFTER_ABLATION,
            Treatment::Hip => &AFTER_HIP,
            Treatment::Transplant => &AFTER_TRANSPLANT,
        };
        let (draw, share) = (rng.between(0, 1000), rng.unit());
        let (silent, recorded, stay_days) = (rng.between(0, 1000), rng.permille(850), rng.between(2, 9));
        let mut below = 0;
        let kind = kinds.iter().find(|kind| {
            below += i64::from(kind.permille);
            draw < below
        })?;
        let signs = silent >= i64::from(kind.silent_permille);
        Some(Self {
            kind,
            onset_days: kind.days.0 + share * (kind.days.1 - kind.days.0),
            in_answers: signs,
            in_vitals: signs && kind.moves_vitals(),
            recorded,
            stay_days,
        })
    }

    /// How much of the event's loss is felt so many days after the treatment, 0 to 1.
    fn felt(&self, days: f64) -> f64 {
        let since = days - self.onset_days;
        if since >= 0.0 {
            1.0 - COMES_BACK * (1.0 - libm::exp(-since / HEALTH_BACK_DAYS))
        } else if self.in_answers {
            0.85 * (1.0 + since / self.kind.lead_days).max(0.0)
        } else {
            0.0
        }
    }

    /// Health lost by then.
    pub(super) fn harm(&self, days: f64) -> f64 {
        self.kind.depth * self.felt(days)
    }

    /// Mood lost by then.
    pub(super) fn gloom(&self, days: f64) -> f64 {
        self.kind.gloom * self.felt(days)
    }

    /// How far vital signs have moved by then, 0 to 1.
    pub(super) fn strain(&self, days: f64) -> f64 {
        let since = days - self.onset_days;
        let lead = self.kind.lead_days.min(VITALS_DAYS_MAX);
        if since >= 0.0 {
            libm::exp(-since / VITALS_BACK_DAYS)
        } else if self.in_vitals {
            (1.0 + since / lead).max(0.0)
        } else {
            0.0
        }
    }

    pub(super) fn vitals(&self) -> Shift {
        self.kind.vitals
    }

    /// Whether the patient takes fewer doses in the weeks before it.
    pub(super) fn comes_of_missed_doses(&self, days: f64) -> bool {
        self.kind.recorded == ClinicalKind::Rejection
            && self.in_answers
            && (-30.0..0.0).contains(&(days - self.onset_days))
    }
}

impl Kind {
    fn moves_vitals(&self) -> bool {
        let s = &self.vitals;
        [s.heart_rate, s.systolic, s.oxygen, s.respiration, s.temperature]
            .iter()
            .any(|moved| moved.abs() > 0.0)
    }

    /// Bad enough that treatment at home goes on for weeks.
    pub(super) fn needs_therapy(&self) -> bool {
        matches!(self.name, "restenosis" | "heart-failure")
    }

    /// The patient lies in hospital.
    pub(super) fn is_stay(&self) -> bool {
        self.recorded != ClinicalKind::Visit
    }
}
