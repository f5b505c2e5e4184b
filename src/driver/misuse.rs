//! Misuse: programs that must not compile, one test each, with the error code they fail with.
//!
//! Unity Transport finds these mistakes at run time, in the editor, or not at all. Markers like `D8`
//! are rows of the conformance list. The codes are compared where unstable features are on: run the
//! documentation tests with `RUSTC_BOOTSTRAP=1`.
//!
//! A program that compiles is at the end, so that a block above cannot fail for a wrong reason
//! unseen: it uses all names the others use.
//!
//! A second update, or the driver itself, beside a live handle. H2.
//! ```compile_fail,E0499
//! fn twice(driver: &mut drumfire::NetworkDriver) {
//!     let first = driver.schedule_update();
//!     let second = driver.schedule_update();
//!     first.complete();
//!     second.complete();
//! }
//! ```
//! ```compile_fail,E0499
//! fn beside(driver: &mut drumfire::NetworkDriver) {
//!     let handle = driver.schedule_update();
//!     driver.accept();
//!     handle.complete();
//! }
//! ```
//! An event kept across an update. E9.
//! ```compile_fail,E0499
//! fn keep(driver: &mut drumfire::NetworkDriver) {
//!     let event = driver.pop_event();
//!     driver.update();
//!     drop(event);
//! }
//! ```
//! A reader kept across an update. E9.
//! ```compile_fail,E0499
//! fn keep(driver: &mut drumfire::NetworkDriver) {
//!     let Some((_, drumfire::NetworkEvent::Data { mut reader, .. })) = driver.pop_event() else { return };
//!     driver.update();
//!     reader.read_int();
//! }
//! ```
//! A concurrent view kept across `complete`.
//! ```compile_fail,E0505
//! fn keep(driver: &mut drumfire::NetworkDriver) {
//!     let mut handle = driver.schedule_update();
//!     let view = handle.to_concurrent();
//!     handle.complete();
//!     drop(view);
//! }
//! ```
//! The driver dropped in flight.
//! ```compile_fail,E0505
//! fn drop_in_flight(mut driver: drumfire::NetworkDriver) {
//!     let handle = driver.schedule_update();
//!     drop(driver);
//!     handle.complete();
//! }
//! ```
//! A chained job that borrows the game's data.
//! ```compile_fail,E0373
//! fn borrow(driver: &mut drumfire::NetworkDriver) {
//!     let mut score = 0;
//!     driver.schedule_update().then(|(), _| score += 1).complete();
//!     println!("{score}");
//! }
//! ```
//! A view moved to a thread that may outlive the driver.
//! ```compile_fail,E0597
//! fn outlive(settings: drumfire::NetworkSettings) {
//!     let mut driver = drumfire::NetworkDriver::new(settings).unwrap();
//!     let view = driver.to_concurrent();
//!     std::thread::spawn(move || drop(view));
//! }
//! ```
//! A message ended twice. D8.
//! ```compile_fail,E0382
//! fn twice(writer: drumfire::SendGuard<'_>) {
//!     writer.end_send().unwrap();
//!     writer.end_send().unwrap();
//! }
//! ```
//! A message aborted twice. D9.
//! ```compile_fail,E0382
//! fn twice(writer: drumfire::SendGuard<'_>) {
//!     writer.abort_send();
//!     writer.abort_send();
//! }
//! ```
//! A message ended after it was aborted. D10.
//! ```compile_fail,E0382
//! fn abort_then_end(writer: drumfire::SendGuard<'_>) {
//!     writer.abort_send();
//!     writer.end_send().unwrap();
//! }
//! ```
//! A message aborted after it was ended. D11.
//! ```compile_fail,E0382
//! fn end_then_abort(writer: drumfire::SendGuard<'_>) {
//!     writer.end_send().unwrap();
//!     writer.abort_send();
//! }
//! ```
//! A write behind the end of a message.
//! ```compile_fail,E0382
//! fn write_after(mut writer: drumfire::SendGuard<'_>) {
//!     writer.end_send().unwrap();
//!     writer.write_int(1);
//! }
//! ```
//! Two writers open on one driver, whichever is ended first. D5, D6.
//! ```compile_fail,E0499
//! use drumfire::{NetworkConnection, NetworkDriver, NetworkPipeline};
//!
//! fn nested(driver: &mut NetworkDriver, connection: NetworkConnection) {
//!     let outer = driver.begin_send(NetworkPipeline::NULL, connection).unwrap();
//!     let inner = driver.begin_send(NetworkPipeline::NULL, connection).unwrap();
//!     inner.end_send().unwrap();
//!     outer.end_send().unwrap();
//! }
//! ```
//! ```compile_fail,E0499
//! use drumfire::{NetworkConnection, NetworkDriver, NetworkPipeline};
//!
//! fn in_order(driver: &mut NetworkDriver, connection: NetworkConnection) {
//!     let first = driver.begin_send(NetworkPipeline::NULL, connection).unwrap();
//!     let second = driver.begin_send(NetworkPipeline::NULL, connection).unwrap();
//!     first.end_send().unwrap();
//!     second.end_send().unwrap();
//! }
//! ```
//! Two writers open on one port. D5, D6.
//! ```compile_fail,E0499
//! fn two(port: &mut drumfire::ConnectionPort<'_>) {
//!     let first = port.begin_send(drumfire::NetworkPipeline::NULL).unwrap();
//!     let second = port.begin_send(drumfire::NetworkPipeline::NULL).unwrap();
//!     first.end_send().unwrap();
//!     second.end_send().unwrap();
//! }
//! ```
//! A message begun and still open when the driver updates. D7.
//! ```compile_fail,E0499
//! use drumfire::{NetworkConnection, NetworkDriver, NetworkPipeline};
//!
//! fn still_open(driver: &mut NetworkDriver, connection: NetworkConnection) {
//!     let writer = driver.begin_send(NetworkPipeline::NULL, connection).unwrap();
//!     driver.update();
//!     writer.end_send().unwrap();
//! }
//! ```
//! A writer whose memory is gone. D12.
//! ```compile_fail,E0505
//! use drumfire::{NetworkConnection, NetworkDriver, NetworkPipeline};
//!
//! fn gone(mut driver: NetworkDriver, connection: NetworkConnection) {
//!     let writer = driver.begin_send(NetworkPipeline::NULL, connection).unwrap();
//!     drop(driver);
//!     writer.end_send().unwrap();
//! }
//! ```
//! A writer that `begin_send` did not give. D13.
//! ```compile_fail,E0599
//! fn not_from_begin_send(buffer: &mut [u8]) {
//!     let writer = drumfire::DataStreamWriter::new(buffer);
//!     writer.end_send().unwrap();
//! }
//! ```
//! A driver over something that is no interface. A5.
//! ```compile_fail,E0277
//! fn no_interface(settings: drumfire::NetworkSettings) {
//!     drumfire::NetworkDriver::with_interface(settings, "eth0").unwrap();
//! }
//! ```
//! A driver that is asked after it was dropped. A14.
//! ```compile_fail,E0382
//! fn dropped(driver: drumfire::NetworkDriver) {
//!     drop(driver);
//!     assert!(!driver.is_bound());
//! }
//! ```
//! The settings of a driver changed. A18.
//! ```compile_fail,E0594
//! fn change(driver: &drumfire::NetworkDriver) {
//!     driver.current_settings().limits().max_connections = 1;
//! }
//! ```
//!
//! And this is how it is meant:
//! ```
//! use drumfire::{Concurrent, ConnectionPort, DataStreamWriter, NetworkConnection, NetworkDriver};
//! use drumfire::{NetworkEvent, NetworkPipeline, NetworkSettings, SendGuard};
//!
//! fn frame(driver: &mut NetworkDriver, connection: NetworkConnection, score: u32) -> u32 {
//!     let mut handle = driver.schedule_update();
//!     handle.to_concurrent().for_each(answer);
//!     if let Ok(writer) = handle.begin_send(NetworkPipeline::NULL, connection) {
//!         end(writer);
//!     }
//!     let score = handle.then(move |(), _: &mut Concurrent<'_>| score + 1).complete();
//!     while let Some((_, event)) = driver.pop_event() {
//!         if let NetworkEvent::Data { mut reader, .. } = event {
//!             reader.read_int();
//!         }
//!     }
//!     score
//! }
//!
//! fn answer(mut port: ConnectionPort<'_>) {
//!     if let Ok(writer) = port.begin_send(NetworkPipeline::NULL) {
//!         writer.abort_send();
//!     }
//! }
//!
//! fn end(mut writer: SendGuard<'_>) {
//!     writer.write_int(1);
//!     writer.end_send().unwrap();
//! }
//!
//! let settings = NetworkSettings::builder().plain().build().unwrap();
//! let mut driver = NetworkDriver::new(settings).unwrap();
//! assert_eq!(frame(&mut driver, NetworkConnection::default(), 41), 42);
//! assert!(!driver.is_bound() && driver.current_settings().limits().max_connections > 0);
//! DataStreamWriter::new(&mut [0; 4]).write_int(1);
//! ```
