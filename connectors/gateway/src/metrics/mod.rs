//! What Prometheus may ask.
//!
//! Whoever measures implements [`MetricsSource`] over its own plain counters and is registered with
//! [`Metrics`]; values are read when the page is asked for, so nothing is paid on the hot path.

mod names;
mod render;
mod sample;

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub use names::{Definition, Kind, Metric};
pub use sample::{Histogram, SERIES_PER_METRIC_MAX, Sample, SampleValue};

use sample::Tally;

/// The content type of [`Metrics::render`].
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Something that can say what it has measured so far.
///
/// Its counters and histograms never go down while it is registered. It is asked often and from any
/// thread: it must neither block nor wait.
pub trait MetricsSource: Send + Sync {
    /// Appends the present values.
    fn samples(&self, out: &mut Vec<Sample>);
}

impl<F: Fn(&mut Vec<Sample>) + Send + Sync> MetricsSource for F {
    fn samples(&self, out: &mut Vec<Sample>) {
        self(out);
    }
}

/// All sources of the process; a cheap handle to one shared list.
#[derive(Clone, Default)]
pub struct Metrics {
    inner: Arc<Mutex<Inner>>,
}

#[derive(Default)]
struct Inner {
    sources: Vec<Arc<dyn MetricsSource>>,
    retained: Tally,
}

impl Metrics {
    /// An empty list.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a source, until the registration is dropped. Then its gauges vanish, while its counters and
    /// histograms stay at their last values: the totals of a process never go back when a task leaves it.
    pub fn register(&self, source: impl MetricsSource + 'static) -> Registration {
        let source: Arc<dyn MetricsSource> = Arc::new(source);
        self.lock().sources.push(Arc::clone(&source));
        Registration { metrics: self.clone(), source }
    }

    /// The page in Prometheus's text format, see [`CONTENT_TYPE`].
    ///
    /// # Errors
    /// The encoder's own, which a sound list of names never causes.
    pub fn render(&self) -> Result<String, prometheus::Error> {
        let (sources, mut tally) = {
            let inner = self.lock();
            (inner.sources.clone(), inner.retained.clone())
        };
        let mut samples =
            vec![Sample::gauge(Metric::BuildInfo, &[("version", env!("CARGO_PKG_VERSION"))], 1.0)];
        for source in &sources {
            source.samples(&mut samples);
        }
        samples.into_iter().for_each(|sample| tally.add(sample));
        render::page(tally)
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics").field("sources", &self.lock().sources.len()).finish()
    }
}

/// Keeps a source on the list, see [`Metrics::register`].
#[must_use = "a source is forgotten as soon as its registration is dropped"]
pub struct Registration {
    metrics: Metrics,
    source: Arc<dyn MetricsSource>,
}

impl Drop for Registration {
    fn drop(&mut self) {
        let mut last = Vec::new();
        self.source.samples(&mut last);
        let mut inner = self.metrics.lock();
        inner.sources.retain(|source| !Arc::ptr_eq(source, &self.source));
        last.into_iter().for_each(|sample| inner.retained.retain(sample));
    }
}

impl fmt::Debug for Registration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Registration")
    }
}
