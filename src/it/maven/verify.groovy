// The program has explained on both paths, and what only scorecam's own program needs has not come along.
File target = new File(basedir, 'target')
assert new File(target, 'class-path.png').length() > 0
assert new File(target, 'module-path.png').length() > 0
List<String> said = new File(basedir, 'build.log').readLines().findAll { it.startsWith('explained ') }
said.each { println it }
assert said.size() == 2 && said[0].endsWith('on the class path') && said[1].endsWith('on the module path')

List<String> jars = new File(target, 'dependency').list().toList().sort()
println "a user's jars: ${jars.join(' ')}"
['javacpp', 'openblas', 'pytorch'].each { library ->
  assert jars.count { it.startsWith("$library-") } == 2 : "$library's Java part and one platform's natives"
}
assert !jars.any { it.startsWith('picocli') || it.startsWith('progressbar') || it.startsWith('jline') }
