using System.Reflection;
using System.Runtime.Loader;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using NSwag;
using NSwag.CodeGeneration.CSharp;

namespace AkkaCharging.Scenarios.Description;

/// <summary>The C# client that NSwag generates with its default settings, compiled and loaded.</summary>
internal sealed class NSwagClient
{
    private readonly Assembly _assembly;
    private readonly string _namespace;
    private readonly object _client;

    private NSwagClient(Assembly assembly, string @namespace, HttpClient http)
    {
        (_assembly, _namespace) = (assembly, @namespace);
        _client = Activator.CreateInstance(TypeOf("Client"), http)!;
    }

    public static async Task<NSwagClient> OfAsync(string description, HttpClient http)
    {
        var generator = new CSharpClientGenerator(
            await OpenApiDocument.FromJsonAsync(description),
            new CSharpClientGeneratorSettings()
        );
        var compilation = CSharpCompilation.Create(
            "GeneratedClient",
            [CSharpSyntaxTree.ParseText(generator.GenerateFile())],
            ((string)AppContext.GetData("TRUSTED_PLATFORM_ASSEMBLIES")!)
                .Split(Path.PathSeparator)
                .Select(file => MetadataReference.CreateFromFile(file)),
            new CSharpCompilationOptions(OutputKind.DynamicallyLinkedLibrary)
        );
        using var compiled = new MemoryStream();
        var result = compilation.Emit(compiled);
        Assert.True(result.Success, string.Join('\n', result.Diagnostics));
        compiled.Position = 0;
        var assembly = new AssemblyLoadContext("GeneratedClient").LoadFromStream(compiled);
        return new(assembly, generator.Settings.CSharpGeneratorSettings.Namespace, http);
    }

    /// <summary>Creates a body with these properties; the others have their defaults in C#.</summary>
    public object New(string type, params ReadOnlySpan<(string Name, object Value)> properties)
    {
        var body = Activator.CreateInstance(TypeOf(type))!;
        foreach (var (name, value) in properties)
        {
            var property = body.GetType().GetProperty(name)!;
            property.SetValue(
                body,
                property.PropertyType == typeof(Uri) ? new Uri((string)value)
                    : property.PropertyType == typeof(Guid) ? Guid.Parse((string)value)
                    : value
            );
        }

        return body;
    }

    /// <summary>Calls an operation.</summary>
    /// <returns>The property <paramref name="name"/> of its answer, as text.</returns>
    public async Task<string?> CallAsync(string operation, string name, params object?[] arguments)
    {
        var method = _client
            .GetType()
            .GetMethods()
            .Single(method => method.Name == operation && method.GetParameters().Length == arguments.Length);
        var task = (Task)method.Invoke(_client, arguments)!;
        await task;
        var answer = task.GetType().GetProperty("Result")!.GetValue(task)!;
        return answer.GetType().GetProperty(name)!.GetValue(answer)?.ToString();
    }

    private Type TypeOf(string name) => _assembly.GetType($"{_namespace}.{name}", throwOnError: true)!;
}
