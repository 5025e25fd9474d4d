//! Rolling values, from their definitions.

const DAY_MS: i64 = 86_400_000;

/// (answered at, value), ascending, up to and with the one that is looked at.
pub(super) type Points = [(i64, f64)];

/// Each weighs 2^(-age in days / half-life).
pub(super) fn ewma(points: &Points, half_life_days: i32) -> Option<f64> {
    let (now, _) = points.last()?;
    let weight = |at: i64| libm::exp2(-as_f64(now - at) / as_f64(DAY_MS) / f64::from(half_life_days));
    let weights: f64 = points.iter().map(|(at, _)| weight(*at)).sum();
    Some(points.iter().map(|(at, value)| weight(*at) * value).sum::<f64>() / weights)
}

fn within(points: &Points, days: i64) -> Vec<(i64, f64)> {
    let now = points.last().map_or(0, |(at, _)| *at);
    points.iter().copied().filter(|(at, _)| *at > now - days * DAY_MS).collect()
}

pub(super) fn mean_28d(points: &Points) -> Option<f64> {
    let points = within(points, 28);
    let sum: f64 = points.iter().map(|(_, value)| value).sum();
    (!points.is_empty()).then(|| sum / as_f64(i64::try_from(points.len()).unwrap_or(i64::MAX)))
}

/// The median of the slopes per day between every two points (Theil and Sen).
pub(super) fn slope_56d(points: &Points) -> Option<f64> {
    let points = within(points, 56);
    let mut slopes = Vec::new();
    for (n, (from, before)) in points.iter().enumerate() {
        for (to, after) in points.iter().skip(n + 1).filter(|(to, _)| to != from) {
            slopes.push((after - before) / (as_f64(to - from) / as_f64(DAY_MS)));
        }
    }
    slopes.sort_by(f64::total_cmp);
    let (low, high) = (slopes.len().checked_sub(1)? / 2, slopes.len() / 2);
    Some(f64::midpoint(slopes[low], slopes[high]))
}

#[allow(clippy::cast_precision_loss, reason = "times and counts of a few decades are exact")]
pub(super) fn as_f64(n: i64) -> f64 {
    n as f64
}

/// The slope of a line by least squares, over its standard error; for three points and more that are not of one time.
pub(super) fn slope_in_errors(points: &[(f64, f64)], error: f64) -> Option<f64> {
    let count = f64::from(u32::try_from(points.len()).ok().filter(|count| *count > 2)?);
    let sum = |of: &dyn Fn(&(f64, f64)) -> f64| points.iter().map(of).sum::<f64>();
    let (x, y) = (sum(&|p| p.0), sum(&|p| p.1));
    let spread = count * sum(&|p| p.0 * p.0) - x * x;
    let slope = (count * sum(&|p| p.0 * p.1) - x * y) / spread;
    (spread > 1e-9).then(|| slope / (error / (spread / count).sqrt()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_follow_their_definitions() {
        let day = |n: i64| n * DAY_MS;
        let points = [(0, 10.0), (day(28), 20.0), (day(40), 44.0)];
        assert_eq!(mean_28d(&points), Some(32.0));
        // Slopes 10/28, 34/40 and 24/12.
        assert_eq!(slope_56d(&points), Some(0.85));
        assert_eq!(slope_56d(&points[..1]), None);
        assert_eq!(ewma(&points[..2], 28), Some((0.5 * 10.0 + 20.0) / 1.5));
    }
}
