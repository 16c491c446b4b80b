"""Inside of a component: between componentize-py's generated bindings and the plugin's class.

Nothing here can be imported natively. Each kind has its module, because the generated bindings
hold only what the plugin's world has.
"""
