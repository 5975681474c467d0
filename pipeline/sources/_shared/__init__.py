"""What several kinds of source need: files, HTTP, SQL, host names, local times, secrets."""
