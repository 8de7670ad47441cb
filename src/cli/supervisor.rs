//! What a supervisor (systemd) is told of the server's life.

/// A moment that a supervisor waits for.
#[derive(Clone, Copy, Debug)]
pub(super) enum Moment {
    /// Connections are taken: at the start, and after a reload.
    Ready,
    /// The configuration is being read again; [`Moment::Ready`] follows, whatever comes of it.
    Reloading,
    /// The drain has begun.
    Stopping,
    /// This process goes on with the service.
    MainProcess(u32),
}

pub(super) fn tell(moment: Moment) {
    match moment {
        Moment::MainProcess(pid) => tracing::trace!(pid, "the service goes on in another process"),
        moment => tracing::trace!(?moment, "for the supervisor"),
    }
}
