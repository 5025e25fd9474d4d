//! How the deviations of one patient hang together, from many patients' courses.

use crate::curve::personal::{Coherence, Course};

/// A share of the variance is looked for in steps of 1 / so many.
const STEPS: u8 = 20;
/// The first look is at every so many of them.
const COARSE: usize = 2;
/// Times in which the fading part may fade: the longest course, and halves of it, so many times.
const HALVINGS: u8 = 7;
/// So many responses are enough to tell.
const RESPONSES_MAX: usize = 4_000;

/// The most likely coherence of these courses (time, deviation), each in order of time, on a grid of twentieths and
/// halvings: under it, the normal densities of all responses, each given the earlier ones of its patient, have the
/// greatest product. Something is always left to the noise of a single response.
pub(super) fn of(courses: &[Vec<(f64, f64)>]) -> Coherence {
    let span = |course: &Vec<(f64, f64)>| {
        course.first().zip(course.last()).map_or(0.0, |(first, last)| last.0 - first.0)
    };
    let longest = courses.iter().map(span).fold(0.0, f64::max);
    let mut left = RESPONSES_MAX;
    let enough = |course: &&Vec<(f64, f64)>| {
        let goes_on = left > 0;
        left = left.saturating_sub(course.len());
        goes_on
    };
    let courses: Vec<&Vec<(f64, f64)>> =
        courses.iter().filter(|course| course.len() > 1).take_while(enough).collect();
    if longest <= 0.0 {
        return Coherence { lasting: 0.0, fading: 0.0, fading_days: 1.0 };
    }
    let share = |steps: u8| f64::from(steps) / f64::from(STEPS);
    let at = |(lasting, fading, halvings): Place| Coherence {
        lasting: share(lasting),
        fading: share(fading),
        fading_days: longest / f64::from(1_u32 << halvings),
    };
    let best = |places: Vec<Place>| {
        let judged = places.into_iter().map(|place| (place, surprise(&at(place), &courses)));
        judged.min_by(|(_, one), (_, other)| one.total_cmp(other)).map_or((0, 0, 0), |(place, _)| place)
    };
    at(best(around(best(coarse()))))
}

/// Steps of the lasting and the fading share, and halvings of the fading time.
type Place = (u8, u8, u8);

fn coarse() -> Vec<Place> {
    let mut places = Vec::new();
    for lasting in (0..STEPS).step_by(COARSE) {
        places.push((lasting, 0, 0));
        for fading in (0..STEPS - lasting).step_by(COARSE).skip(1) {
            places.extend((0..=HALVINGS).map(|halvings| (lasting, fading, halvings)));
        }
    }
    places
}

fn around((lasting, fading, halvings): Place) -> Vec<Place> {
    let mut places = Vec::new();
    for lasting in lasting.saturating_sub(1)..=lasting + 1 {
        let most = (fading + 1).min((STEPS - 1).saturating_sub(lasting));
        places.extend((fading.saturating_sub(1)..=most).map(|fading| (lasting, fading, halvings)));
    }
    places
}

/// Minus twice the logarithm of the likelihood.
fn surprise(coherence: &Coherence, courses: &[&Vec<(f64, f64)>]) -> f64 {
    let mut sum = 0.0;
    for responses in courses {
        let mut course = Course::of(coherence);
        for (time, z) in responses.iter() {
            let expected = course.expect(*time);
            let apart = (z - expected.mean) / expected.sd;
            sum += apart * apart + 2.0 * libm::log(expected.sd);
            course.observe(*time, *z);
        }
    }
    sum
}
