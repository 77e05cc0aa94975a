"""Is it better? Questions asked through the real path, scored, compared in pairs, and a gate on what comes out."""
