// The two programs explained, and the program's own libraries did not come along.
File target = new File(basedir, 'target')
assert new File(target, 'class-path.png').length() > 0
assert new File(target, 'module-path.png').length() > 0
String log = new File(basedir, 'build.log').text
assert log.contains('on the class path')
assert log.contains('on the module path')
List<String> jars = new File(target, 'dependency').list().toList().sort()
println jars.join('\n')
assert jars.any { it.startsWith('pytorch-') && it.contains(System.getProperty('os.arch') == 'aarch64' ? 'arm64' : 'x86_64') }
assert !jars.any { it.startsWith('picocli') || it.startsWith('progressbar') || it.startsWith('jline') }
