//! DP03: plugins.

crate::codes! { Plugin:
    NOT_FOUND = "DP0301", AfterFix, "a plugin cannot be found",
        "`uses` names `builtin:NAME`, a path beside the manifest, or a name along `--plugin-path` and `DPONE_PLUGIN_PATH`. `dpone plugin list` shows what is there.";
    NOT_A_COMPONENT = "DP0302", AfterFix, "a file is not a WebAssembly component",
        "The file is truncated, damaged, or a core module. Build it with `cargo build --target wasm32-wasip2`, or turn a core module into a component with `wasm-tools component new`.";
    DIGEST = "DP0303", AfterFix, "a plugin is not the one that the manifest pins",
        "The sha256 of the file differs from `sha256` in the manifest. Review the new file, then change the pin.";
    FORBIDDEN_IMPORT = "DP0304", AfterFix, "a plugin asks for something that no plugin gets",
        "A component may import `dpone:plugin/*`, and `wasi:*` into an empty context. Anything else is refused when it is loaded.";
    WRONG_WORLD = "DP0305", AfterFix, "a plugin is of another kind",
        "Extractors, transforms and checks are different worlds; the message names what the component exports and what the manifest needs here.";
    WRONG_VERSION = "DP0306", AfterFix, "a plugin was built against another version of the contract",
        "The WIT is a draft until the first release. Rebuild the plugin with the SDK of this release.";
    NOT_GRANTED = "DP0307", AfterFix, "a plugin asked for something that it was not granted",
        "Add the grant to the manifest if the plugin should have it; `dpone plan` shows what each plugin asks for and gets.";
    COMPILE_LIMIT = "DP0308", AfterFix, "a plugin takes too long or too much memory to compile",
        "Components are compiled in a child process with a time and a memory limit. A component of ordinary size compiles in seconds.";
    PLUGIN_ERROR = "DP0309", AfterFix, "a plugin refused its input",
        "The plugin understood the call and said no. The message is its own.";
    DEADLINE = "DP0310", AfterFix, "a plugin exceeded its deadline",
        "A call may compute for `limits.deadline` (1 s) and last `limits.wall_clock` (10 s) in all. A call that needs more is stopped, and the run with it.";
    MEMORY = "DP0311", AfterFix, "a plugin exceeded its memory limit",
        "`limits.memory` (128 MiB) bounds a plugin's memory. Raise it in the manifest, or make the pages smaller.";
    TRAP = "DP0312", AfterFix, "a plugin crashed",
        "The component trapped: a panic, an out-of-bounds access, a stack overflow. The message holds the panic's text where the plugin gave one.";
    OUTPUT = "DP0313", AfterFix, "a plugin's output is too large",
        "`limits.output` (64 MiB) bounds what one call may return.";
    BAD_OUTPUT = "DP0314", AfterFix, "a plugin's output is not valid",
        "What the plugin returned is not what its contract says: invalid JSON, a column of the wrong length, a field it did not declare.";
    REQUEST_REFUSED = "DP0315", AfterFix, "a plugin asked for a request that the manifest does not allow",
        "By default a plugin varies query parameters and body fields under the manifest's method, origin and path. Anything else is a grant.";
    GRANT_NOT_YET = "DP0316", AfterFix, "this grant is not yet supported",
        "The grants `secrets` and `http` are part of the manifest's language, but this release does not give them. They are refused rather than ignored.";
    CACHE = "DP0317", Now, "the cache of compiled plugins is damaged",
        "An entry's checksum does not fit; it was removed and the plugin will be compiled anew.";
    COMPILE_FAILED = "DP0318", AfterFix, "a plugin cannot be compiled",
        "The component is well-formed but the compiler rejects it. The message quotes the compiler.";
    NO_PROJECT = "DP0330", AfterFix, "there is no plugin project here",
        "A project is a folder with a Cargo.toml, a pyproject.toml or a package.json that names the plugin. `dpone plugin new` writes one.";
    TOOL_MISSING = "DP0331", AfterFix, "a tool that the build needs is not installed",
        "Rust plugins need cargo and the target wasm32-unknown-unknown, Python plugins Python 3.10 or newer with venv and pip, JavaScript plugins Node.js 20 or newer with npm.";
    BUILD_FAILED = "DP0332", AfterFix, "a plugin could not be built",
        "The language's own tool says why, on standard error above this message. Nothing was written into the project but the tools' own folders.";
    CASE_BROKEN = "DP0333", AfterFix, "a recorded case is incomplete or damaged",
        "A case is a folder with `case.yaml`, pages numbered from `pages/0001.body` on, and `expected.json`. `sdk/README.md` describes the files.";
    NO_CASES = "DP0334", AfterFix, "there is no recorded case to run",
        "Cases lie under `cases/NAME/` of the project. `dpone record RUN` makes one of a real run.";
}
