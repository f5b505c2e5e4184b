//! How a load goes, while it goes: a live screen on a terminal, a line a second elsewhere.

use std::io::Stdout;

use ratatui::backend::CrosstermBackend;
use ratatui::layout::{Constraint, Layout};
use ratatui::style::{Color, Style};
use ratatui::widgets::{Gauge, Paragraph, Sparkline};
use ratatui::{Frame, Terminal, TerminalOptions, Viewport};

use crate::args::LoadArgs;
use crate::protocol::{ClientLine, Figures, Phase, Progress};
use crate::say::Say;
use crate::text::{count, drops, per_second, time};

/// Rows of the live screen.
const HEIGHT: u16 = 7;
/// Rates the graph remembers, four a second.
const MEMORY: usize = 160;

/// Shows progress.
pub(crate) enum Screen {
    /// Nobody looks.
    None,
    Lines(Lines),
    Live(Box<Live>),
}

impl Screen {
    /// The best there is for where the lines go.
    pub(crate) fn open(say: Say, load: &LoadArgs) -> Self {
        let live = say.is_terminal().then(|| Live::open(load)).flatten();
        match live {
            Some(live) => Self::Live(Box::new(live)),
            None => Self::Lines(Lines {
                say,
                next: 1.0,
                last: Progress::default(),
            }),
        }
    }

    pub(crate) fn none() -> Self {
        Self::None
    }

    /// Whether it has room for the server's figures.
    pub(crate) fn wants_server(&self) -> bool {
        matches!(self, Self::Live(_))
    }

    /// Shows what the client says, and the server's figures where they are known.
    pub(crate) fn show(&mut self, line: &ClientLine, server: Option<&Figures>) {
        match self {
            Self::None => {}
            Self::Lines(lines) => lines.show(line),
            Self::Live(live) => live.show(line, server),
        }
    }
}

/// A line a second.
pub(crate) struct Lines {
    say: Say,
    /// Seconds at which the next line is due.
    next: f64,
    last: Progress,
}

impl Lines {
    fn show(&mut self, line: &ClientLine) {
        match line {
            ClientLine::Connected { connected, seconds } => {
                self.say.line(&format!(
                    "{} clients connected in {seconds:.2} s",
                    count(*connected as u64)
                ));
            }
            ClientLine::Progress(progress) if progress.seconds >= self.next => {
                self.next = progress.seconds.floor() + 1.0;
                self.say
                    .line(&progress_line(progress, rate(progress, &self.last)));
                self.last = *progress;
            }
            _ => {}
        }
    }
}

/// Echoes a second between two reports.
fn rate(progress: &Progress, last: &Progress) -> u64 {
    let more = progress.received.saturating_sub(last.received);
    per_second(more, progress.seconds - last.seconds)
}

fn progress_line(progress: &Progress, rate: u64) -> String {
    let phase = phase_name(progress.phase);
    if progress.phase == Phase::Connecting {
        return format!(
            "{:>4.0} s  {phase}: {} so far",
            progress.seconds,
            count(progress.connected as u64)
        );
    }
    format!(
        "{:>4.0} s  {phase}: {} echoes/s, round trip p50 {}, p99 {}, {} under way, {} corrupt",
        progress.seconds,
        count(rate),
        time(progress.rtt_us.p50),
        time(progress.rtt_us.p99),
        count(progress.sent.saturating_sub(progress.received)),
        count(progress.corrupt)
    )
}

fn phase_name(phase: Phase) -> &'static str {
    match phase {
        Phase::Connecting => "connecting",
        Phase::WarmingUp => "warming up",
        Phase::Measuring => "measuring",
        Phase::Waiting => "the last echoes",
    }
}

/// A live screen, a few rows at the bottom of the terminal; what stood above stays.
pub(crate) struct Live {
    terminal: Terminal<CrosstermBackend<Stdout>>,
    accent: Style,
    /// Seconds it will take.
    total: f64,
    /// When the load began, after connecting.
    start: f64,
    rates: Vec<u64>,
    last: Progress,
    server: Option<Figures>,
    server_before: Option<Figures>,
}

impl Live {
    /// None if the terminal does not take it: lines will do then.
    fn open(load: &LoadArgs) -> Option<Self> {
        let options = TerminalOptions {
            viewport: Viewport::Inline(HEIGHT),
        };
        let terminal =
            Terminal::with_options(CrosstermBackend::new(std::io::stdout()), options).ok()?;
        let colourless = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        Some(Self {
            terminal,
            accent: if colourless {
                Style::new()
            } else {
                Style::new().fg(Color::Cyan)
            },
            total: (load.warmup + load.duration).as_secs_f64(),
            start: 0.0,
            rates: Vec::new(),
            last: Progress::default(),
            server: None,
            server_before: None,
        })
    }

    fn show(&mut self, line: &ClientLine, server: Option<&Figures>) {
        match line {
            ClientLine::Connected { seconds, .. } => self.start = *seconds,
            ClientLine::Progress(progress) => {
                self.rates.push(rate(progress, &self.last));
                if self.rates.len() > MEMORY {
                    self.rates.remove(0);
                }
                self.last = *progress;
                self.server_before = self.server.take();
                self.server = server.cloned();
            }
            _ => {}
        }
        let done = self.done();
        let Self {
            terminal, accent, ..
        } = self;
        let view = View {
            accent: *accent,
            done,
            rates: &self.rates,
            progress: &self.last,
            server: self.server.as_ref().zip(self.server_before.as_ref()),
        };
        // A terminal that went away is no reason to stop measuring.
        let _ = terminal.draw(|frame| view.draw(frame));
    }

    fn done(&self) -> f64 {
        match self.last.phase {
            Phase::Connecting => 0.0,
            _ => ((self.last.seconds - self.start) / self.total.max(0.001)).clamp(0.0, 1.0),
        }
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        let _ = self.terminal.clear();
        let _ = self.terminal.show_cursor();
    }
}

/// One picture.
struct View<'a> {
    accent: Style,
    done: f64,
    rates: &'a [u64],
    progress: &'a Progress,
    server: Option<(&'a Figures, &'a Figures)>,
}

impl View<'_> {
    fn draw(&self, frame: &mut Frame<'_>) {
        let rows = Layout::vertical([
            Constraint::Length(1),
            Constraint::Length(3),
            Constraint::Length(1),
            Constraint::Length(1),
        ]);
        let [bar, graph, first, second] = rows.areas(frame.area());
        let gauge = Gauge::default()
            .gauge_style(self.accent)
            .ratio(self.done)
            .label(phase_name(self.progress.phase));
        frame.render_widget(gauge, bar);
        frame.render_widget(
            Sparkline::default().data(self.rates).style(self.accent),
            graph,
        );
        let rate = self.rates.last().copied().unwrap_or(0);
        frame.render_widget(Paragraph::new(progress_line(self.progress, rate)), first);
        frame.render_widget(Paragraph::new(self.server_line()), second);
    }

    fn server_line(&self) -> String {
        let Some((now, before)) = self.server else {
            return String::new();
        };
        let seconds = (now.uptime_s - before.uptime_s).max(0.001);
        format!(
            "server: {} connections, {:.0} % of a core, update p99 {}, drops: {}",
            count(now.connections as u64),
            (now.cpu_us - before.cpu_us) / seconds / 1e4,
            time(now.update_us.unwrap_or_default().p99),
            drops(&now.drops)
        )
    }
}

#[cfg(test)]
mod tests {
    use ratatui::backend::TestBackend;

    use super::*;

    #[test]
    fn a_picture_shows_the_phase_the_rate_and_the_server() {
        let mut terminal = Terminal::new(TestBackend::new(110, HEIGHT)).unwrap();
        let progress = Progress {
            phase: Phase::Measuring,
            seconds: 3.0,
            sent: 10,
            received: 7,
            ..Progress::default()
        };
        let (now, before) = (
            Figures {
                uptime_s: 1.0,
                cpu_us: 250_000.0,
                ..Figures::default()
            },
            Figures::default(),
        );
        let view = View {
            accent: Style::new(),
            done: 0.5,
            rates: &[1_000, 60_000],
            progress: &progress,
            server: Some((&now, &before)),
        };
        terminal.draw(|frame| view.draw(frame)).unwrap();
        let text: String = terminal
            .backend()
            .buffer()
            .content()
            .iter()
            .map(ratatui::buffer::Cell::symbol)
            .collect();
        for part in [
            "measuring",
            "60,000 echoes/s",
            "3 under way",
            "25 % of a core",
        ] {
            assert!(text.contains(part), "{part} is not in {text}");
        }
    }
}
