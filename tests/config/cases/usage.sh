tallyd check twice
tallyd config
tallyd config dump everything
tallyd plugins
tallyd plugins info
