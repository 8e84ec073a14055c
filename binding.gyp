{
  "targets": [
    {
      "target_name": "belle",
      "type": "none",
      "actions": [
        {
          "action_name": "cmake",
          "inputs": ["CMakeLists.txt"],
          "outputs": ["build/Release/belle.node"],
          "action": ["node", "scripts/native-build.cjs"]
        }
      ]
    }
  ]
}
