//! What goes on beside requests: names are resolved, and servers checked.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::runtime::Handle;
use tokio::task::{AbortHandle, JoinSet};

use super::group::Group;
use super::health::{self, Probe};
use super::resolve;
use super::server::ServerKey;
use crate::config::upstream::ServerAddress;

/// The tasks of one upstream. Dropped, it ends them.
#[derive(Debug, Default)]
pub(super) struct Tasks {
    are_running: Arc<AtomicBool>,
    all: Mutex<Option<AbortHandle>>,
}

/// Notes the end of the tasks, also when it is that of their runtime.
struct Running(Arc<AtomicBool>);

impl Tasks {
    /// Starts them in this runtime, unless they run or there is nothing to do.
    pub(super) fn start<P: Probe>(&self, group: &Arc<Group>, probe: &Arc<P>) {
        if self.are_running.load(Ordering::Acquire) || !has_work(group) {
            return;
        }
        let Ok(runtime) = Handle::try_current() else {
            return;
        };
        let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        if self.are_running.swap(true, Ordering::AcqRel) {
            return;
        }
        let running = Running(Arc::clone(&self.are_running));
        let work = run(Arc::clone(group), Arc::clone(probe), running);
        *all = Some(runtime.spawn(work).abort_handle());
    }
}

impl Drop for Tasks {
    fn drop(&mut self) {
        let all = self.all.get_mut().unwrap_or_else(PoisonError::into_inner);
        if let Some(all) = all {
            all.abort();
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}

fn has_work(group: &Group) -> bool {
    group.config.health.is_some() || names(group).next().is_some()
}

/// The configured servers that are to be resolved.
fn names(group: &Group) -> impl Iterator<Item = usize> {
    let servers = group.config.servers.iter().enumerate();
    servers.filter_map(|(origin, server)| match server.address {
        ServerAddress::Name { .. } | ServerAddress::Service(_) => Some(origin),
        ServerAddress::Socket(_) | ServerAddress::Unix(_) => None,
    })
}

async fn run<P: Probe>(group: Arc<Group>, probe: Arc<P>, _running: Running) {
    // Dropped with this task, it ends all of them.
    let mut jobs = JoinSet::new();
    for origin in names(&group) {
        jobs.spawn(resolve::keep(Arc::clone(&group), origin));
    }
    let mut checks = HashMap::new();
    loop {
        let changed = group.changed.notified();
        if group.config.health.is_some() {
            check_all(&group, &probe, &mut jobs, &mut checks);
        }
        // What has ended is let go of.
        while jobs.try_join_next().is_some() {}
        changed.await;
    }
}

/// Each server is checked by a task of its own, as long as it is there.
fn check_all<P: Probe>(
    group: &Arc<Group>,
    probe: &Arc<P>,
    jobs: &mut JoinSet<()>,
    checks: &mut HashMap<ServerKey, AbortHandle>,
) {
    let set = Arc::clone(&group.set());
    let is_there = |key| set.members.iter().any(|member| member.server.key == key);
    checks.retain(|&key, check| {
        let stays = is_there(key);
        if !stays {
            check.abort();
        }
        stays
    });
    for member in &set.members {
        let server = &member.server;
        checks.entry(server.key).or_insert_with(|| {
            let watch = health::watch(Arc::clone(group), Arc::clone(probe), Arc::clone(server));
            jobs.spawn(watch)
        });
    }
}
