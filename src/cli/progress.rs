//! A progress bar for commands that take minutes. I/O: standard error, where that is a terminal.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Counts without an end, until [`set_end`].
pub(super) fn progress_bar() -> ProgressBar {
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
    bar.set_style(style("{msg} {spinner} {pos}"));
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}

/// Starts again, with a known end.
pub(super) fn set_end(bar: &ProgressBar, end: usize, message: &'static str) {
    bar.set_style(style("{msg} {bar:30} {pos}/{len}, {eta} left"));
    bar.set_length(end as u64);
    bar.set_position(0);
    bar.set_message(message);
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}
