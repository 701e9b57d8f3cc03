package experiments

// All lists the studies in the order in which a student may want to read them:
// what any engine must give up, LSM trees, values, logs, pages, caches.
func All() []Study {
	return []Study{
		rum(),
		writeAmpTriangle(),

		compactionSpace(),
		dostoevsky(),
		monkey(),
		filters(),
		wisckey(),
		stallStability(),

		commitLadder(),
		mmapVsPread(),

		pageSize(),
		layoutSearch(),
		spaceReclaim(),
		longReader(),
		scanCrossover(),
		recoveryTime(),

		coordinatedOmission(),

		cachePolicies(),
		cacheSkew(),
		ycsbFidelity(),
	}
}
