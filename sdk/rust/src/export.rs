//! The macro that makes a component of a type.

/// Exports a type as this crate's plugin: `export!(extractor: T)`, `export!(transform: T)`,
/// `export!(check: T)`, `export!(slicer: T)` or `export!(signer: T)`, once per crate. The crate's name and version are the plugin's.
///
/// Natively it expands to nothing, for no native linker takes a component's export names; so the
/// crate still builds and its unit tests run.
#[macro_export]
macro_rules! export {
    (extractor: $plugin:ty) => {
        $crate::export!(@world $plugin, Extractor, extractor, export_extractor_world, {
            type Step = $crate::bindings::extractor::exports::dpone::plugin::extractor::Step;
            type Request = $crate::bindings::imports::dpone::plugin::types::Request;
            type Settings = $crate::bindings::extractor::exports::dpone::plugin::extractor::Settings;
            type Page = $crate::bindings::imports::dpone::plugin::pages::Page;
        }, {
            fn configure(settings: Settings) -> Result<(), PluginError> {
                $crate::glue::configure(&INSTANCE, || $crate::glue::new_extractor::<$plugin>(&settings))
            }
            fn start() -> Result<Step, PluginError> {
                $crate::glue::start(&INSTANCE)
            }
            fn next(page: &Page, state: Vec<u8>) -> Result<Step, PluginError> {
                $crate::glue::next(&INSTANCE, page, &state)
            }
            fn ahead(state: Vec<u8>, n: u32) -> Result<Vec<Request>, PluginError> {
                $crate::glue::ahead(&INSTANCE, &state, n)
            }
        });
    };
    (transform: $plugin:ty) => {
        $crate::export!(@world $plugin, Transform, transform, export_transform_world, {
            type Outcome = $crate::bindings::transform::exports::dpone::plugin::transform::Outcome;
            type Needs = $crate::bindings::imports::dpone::plugin::types::Needs;
            type Batch = $crate::bindings::imports::dpone::plugin::batches::Batch;
        }, {
            fn configure(options: String) -> Result<Needs, PluginError> {
                $crate::glue::configure(&INSTANCE, || $crate::glue::new_transform::<$plugin>(&options))
            }
            fn apply(batch: &Batch) -> Result<Outcome, PluginError> {
                $crate::glue::apply(&INSTANCE, batch)
            }
        });
    };
    (check: $plugin:ty) => {
        $crate::export!(@world $plugin, Check, check, export_check_world, {
            type Configured = $crate::bindings::check::exports::dpone::plugin::check::Configured;
            type Counts = $crate::bindings::check::exports::dpone::plugin::check::Counts;
            type Verdict = $crate::bindings::check::exports::dpone::plugin::check::Verdict;
            type Batch = $crate::bindings::imports::dpone::plugin::batches::Batch;
        }, {
            fn configure(options: String) -> Result<Configured, PluginError> {
                $crate::glue::configure(&INSTANCE, || $crate::glue::new_check::<$plugin>(&options))
            }
            fn observe(batch: &Batch, state: Vec<u8>) -> Result<Vec<u8>, PluginError> {
                $crate::glue::observe(&INSTANCE, batch, &state)
            }
            fn finish(counts: Counts, state: Vec<u8>) -> Result<Verdict, PluginError> {
                $crate::glue::finish(&INSTANCE, counts, &state)
            }
        });
    };
    (slicer: $plugin:ty) => {
        $crate::export!(@world $plugin, Slicer, slicer, export_slicer_world, {
            type Context = $crate::bindings::slicer::exports::dpone::plugin::slicer::Context;
            type Step = $crate::bindings::slicer::exports::dpone::plugin::slicer::Step;
            type Page = $crate::bindings::imports::dpone::plugin::pages::Page;
        }, {
            fn configure(options: String) -> Result<(), PluginError> {
                $crate::glue::configure(&INSTANCE, || $crate::glue::new_slicer::<$plugin>(&options))
            }
            fn start(context: Context) -> Result<Step, PluginError> {
                $crate::glue::start_slices(&INSTANCE, context)
            }
            fn next(page: &Page, state: Vec<u8>) -> Result<Step, PluginError> {
                $crate::glue::next_slices(&INSTANCE, page, &state)
            }
        });
    };
    (signer: $plugin:ty) => {
        $crate::export!(@world $plugin, Signer, signer, export_signer_world, {
            type Settings = $crate::bindings::signer::exports::dpone::plugin::signer::Settings;
            type Outgoing = $crate::bindings::signer::exports::dpone::plugin::signer::Outgoing;
            type Signature = $crate::bindings::signer::exports::dpone::plugin::signer::Signature;
        }, {
            fn configure(settings: Settings) -> Result<(), PluginError> {
                $crate::glue::configure(&INSTANCE, || $crate::glue::new_signer::<$plugin>(&settings))
            }
            fn sign(request: Outgoing) -> Result<Signature, PluginError> {
                $crate::glue::sign(&INSTANCE, request)
            }
        });
    };
    (@world $plugin:ty, $kind:ident, $world:ident, $export:ident, { $($types:item)* }, { $($calls:item)* }) => {
        #[cfg(target_arch = "wasm32")]
        #[allow(unsafe_code, reason = "the canonical ABI's entry points are raw exports")]
        const _: () = {
            type PluginError = $crate::bindings::imports::dpone::plugin::types::PluginError;
            type Description = $crate::bindings::imports::dpone::plugin::types::Description;
            $($types)*

            // Options are parsed once an instance, in `configure`.
            ::std::thread_local! {
                static INSTANCE: $crate::glue::Instance<$plugin> = const { $crate::glue::Instance::new() };
            }

            struct Component;

            impl $crate::bindings::$world::exports::dpone::plugin::$world::Guest for Component {
                fn describe() -> Description {
                    $crate::glue::describe(
                        env!("CARGO_PKG_NAME"),
                        env!("CARGO_PKG_VERSION"),
                        <$plugin as $crate::$kind>::OPTIONS_SCHEMA,
                    )
                }
                $($calls)*
            }

            $crate::bindings::$world::$export!(Component with_types_in $crate::bindings::$world);
        };
    };
}
