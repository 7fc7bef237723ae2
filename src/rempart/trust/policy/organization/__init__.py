"""Organization policy: what may be made below an organization, folder or project, whoever asks."""
