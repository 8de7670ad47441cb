//! The thread that sends spans.
//!
//! 1. Spans wait in a queue of a fixed length; what finds it full is left out, and counted.
//! 2. The thread takes what is there, waits a moment for more, and sends it all at once.
//! 3. A batch that the collector did not take is gone, after what tries the protocol has for it: what fails and when it works again is told
//!    once each time.
//! 4. At the end, what still waits is sent, as long as that does not take too long.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use opentelemetry::KeyValue;
use opentelemetry_otlp::{SpanExporter, WithExportConfig as _, WithHttpConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::resource::EnvResourceDetector;
use opentelemetry_sdk::trace::SpanExporter as _;
use tokio::sync::{Notify, mpsc};

use super::client::Client;
use super::{RequestSpan, spans};
use crate::config::TracesConfig;

pub(crate) const IS_AVAILABLE: bool = true;

/// Requests that may wait.
const QUEUE: usize = 4096;

/// Requests in a batch.
const BATCH: usize = 512;

/// How long a span waits for others to go with it.
const DELAY: Duration = Duration::from_secs(1);

/// For a batch to be taken, and for all that is left at the end.
const PATIENCE: Duration = Duration::from_secs(5);

#[derive(Debug)]
pub(super) struct Exporter {
    queue: mpsc::Sender<RequestSpan>,
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

#[derive(Debug, Default)]
struct Shared {
    /// Requests left out since that was told last.
    lost: AtomicU64,
    end: Notify,
}

/// What the thread has.
struct Sender {
    exporter: SpanExporter,
    client: Arc<Client>,
    queue: mpsc::Receiver<RequestSpan>,
    shared: Arc<Shared>,
    is_failing: bool,
}

impl Exporter {
    pub(super) fn start(config: &TracesConfig) -> io::Result<Self> {
        let client = Arc::new(Client::new(&config.endpoint, PATIENCE)?);
        let mut exporter = SpanExporter::builder()
            .with_http()
            .with_shared_http_client(client.clone())
            .with_endpoint(config.endpoint.to_string())
            .with_timeout(PATIENCE)
            .build()
            .map_err(io::Error::other)?;
        exporter.set_resource(&resource());
        let (queue, waiting) = mpsc::channel(QUEUE);
        let shared = Arc::new(Shared::default());
        let mut sender = Sender {
            exporter,
            client,
            queue: waiting,
            shared: Arc::clone(&shared),
            is_failing: false,
        };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let thread = std::thread::Builder::new()
            .name("traces".to_owned())
            .spawn(move || runtime.block_on(sender.run()))?;
        Ok(Self {
            queue,
            shared,
            thread: Mutex::new(Some(thread)),
        })
    }

    /// Step 1.
    pub(super) fn send(&self, span: RequestSpan) {
        if self.queue.try_send(span).is_err() {
            self.shared.lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Step 4.
    pub(super) fn finish(&self) {
        self.shared.end.notify_one();
        let mut thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(thread) = thread.take() {
            // It can only have panicked, and has said so.
            let _ = thread.join();
        }
    }
}

impl Sender {
    /// Steps 2 to 4.
    async fn run(&mut self) {
        let shared = Arc::clone(&self.shared);
        let mut has_ended = false;
        while !has_ended {
            let mut batch = Vec::with_capacity(BATCH);
            tokio::select! {
                taken = self.queue.recv_many(&mut batch, BATCH) => has_ended = taken == 0,
                () = shared.end.notified() => has_ended = true,
            }
            let due = tokio::time::Instant::now() + DELAY;
            while !has_ended && batch.len() < BATCH {
                let left = BATCH - batch.len();
                tokio::select! {
                    taken = self.queue.recv_many(&mut batch, left) => has_ended = taken == 0,
                    () = shared.end.notified() => has_ended = true,
                    () = tokio::time::sleep_until(due) => break,
                }
            }
            self.export(batch).await;
        }
        self.queue.close();
        let deadline = Instant::now() + PATIENCE;
        loop {
            let mut batch = Vec::with_capacity(BATCH);
            self.queue.recv_many(&mut batch, BATCH).await;
            if batch.is_empty() {
                break;
            }
            if Instant::now() < deadline {
                self.export(batch).await;
            } else {
                self.lose(batch.len());
            }
        }
        self.tell_lost();
    }

    /// Step 3.
    async fn export(&mut self, batch: Vec<RequestSpan>) {
        if batch.is_empty() {
            return;
        }
        let count = batch.len();
        let spans = batch.iter().flat_map(spans::of).collect();
        let exported = self.exporter.export(spans).await;
        match exported {
            Ok(()) => {
                if std::mem::take(&mut self.is_failing) {
                    tracing::info!(collector = %self.client.endpoint(), "traces are taken again");
                }
                self.tell_lost();
            }
            Err(error) => {
                self.lose(count);
                if !std::mem::replace(&mut self.is_failing, true) {
                    let error = self
                        .client
                        .take_error()
                        .unwrap_or_else(|| error.to_string());
                    tracing::warn!(collector = %self.client.endpoint(), %error, "traces are not taken");
                }
            }
        }
    }

    fn lose(&self, count: usize) {
        self.shared.lost.fetch_add(count as u64, Ordering::Relaxed);
    }

    fn tell_lost(&self) {
        let lost = self.shared.lost.swap(0, Ordering::Relaxed);
        if lost > 0 {
            tracing::warn!(
                lost,
                "traces were left out: the collector did not take them"
            );
        }
    }
}

/// Who we are; `OTEL_RESOURCE_ATTRIBUTES` says it over this, or more.
fn resource() -> Resource {
    Resource::builder_empty()
        .with_service_name("daemun")
        .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
        .with_detector(Box::new(EnvResourceDetector::new()))
        .build()
}
